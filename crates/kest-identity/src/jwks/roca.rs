//! Recognises RSA keys whose primes a faulty library made, so that the private key can be found from the public one.

/// Whether `modulus`, a big-endian number, has the mark of the ROCA weakness: CVE-2017-15361, Nemec and others, "The
/// Return of Coppersmith's Attack", ACM CCS 2017, section 2.
///
/// Each prime of such a key is a power of 65537 modulo the product of the first primes, and so is the modulus. It then
/// lies, modulo each of these primes, in the group that 65537 generates. For 17 of them that group is not the whole one.
/// A good key lies in all 17 by a chance of one in two hundred million.
pub(super) fn is_marked(modulus: &[u8]) -> bool {
    TELLING_PRIMES.into_iter().all(|prime| is_power(remainder(modulus, prime), prime))
}

fn remainder(number: &[u8], divisor: u32) -> u32 {
    number.iter().fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % divisor)
}

/// Whether `residue` is a power of 65537 modulo `prime`.
fn is_power(residue: u32, prime: u32) -> bool {
    let mut power = 1;
    loop {
        if power == residue {
            return true;
        }
        power = power * (GENERATOR % prime) % prime;
        if power == 1 {
            return false;
        }
    }
}

/// The primes up to 167 modulo which 65537 does not generate everything. All sizes of key have these in common.
const TELLING_PRIMES: [u32; 17] = [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157];

const GENERATOR: u32 = 65_537;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_the_generator_are_told_from_other_residues() {
        let powers = |prime| (0..prime).filter(|residue| is_power(*residue, prime)).collect::<Vec<_>>();
        assert_eq!(powers(11), [1, 10]);
        assert_eq!(powers(13), [1, 3, 4, 9, 10, 12]);
        assert_eq!(powers(37), [1, 10, 26]);
    }

    #[test]
    fn remainders_are_taken_of_numbers_of_any_length() {
        assert_eq!((remainder(&[], 11), remainder(&[0, 0], 11), remainder(&[1, 0], 11)), (0, 0, 3));
        // 2^2048 = (2^10)^204 * 2^8, and 2^10 is 1 modulo 11.
        let power_of_two = [&[1][..], &[0; 256]].concat();
        assert_eq!(remainder(&power_of_two, 11), 256 % 11);
    }
}
