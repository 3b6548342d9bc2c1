//! Programs that a task needs and cargo does not bring: installed when CI asks, named to everybody else.

use std::env;

use crate::failure::Failure;
use crate::run::{Run, say};

/// A program, and the Debian package that has it.
pub(crate) type Need = (&'static str, &'static str);

/// What `cargo xtask test` needs: the servers and independent implementations that the tests start.
pub(crate) const TEST: &[Need] =
    &[("redis-server", "redis-server"), ("redis-cli", "redis-tools"), ("npm", "npm")];

/// What `cargo xtask bench` needs.
pub(crate) const BENCH: &[Need] = &[("redis-server", "redis-server")];

/// What `cargo xtask fuzz` needs: libFuzzer is compiled from C++.
pub(crate) const FUZZ: &[Need] = &[("c++", "g++")];

/// Sees to it that all `needs` can be started.
pub(crate) fn ensure(needs: &[Need]) -> Result<(), Failure> {
    let missing = missing(needs);
    if missing.is_empty() {
        return Ok(());
    }
    let packages = missing.iter().map(|(_, package)| *package).collect::<Vec<_>>().join(" ");
    // Nobody's own machine is changed behind their back.
    if env::var_os("CI").is_none() {
        return Err(Failure::Missing(format!("please install what this task needs: {packages}")));
    }
    say(format_args!("installing {packages}"))?;
    Run::program("apt-get").words("update --quiet").run()?;
    Run::program("apt-get")
        .words("install --yes --quiet --no-install-recommends")
        .words(&packages)
        .variable("DEBIAN_FRONTEND", "noninteractive")
        .run()
}

fn missing(needs: &[Need]) -> Vec<Need> {
    needs.iter().copied().filter(|(program, _)| !on_path(program)).collect()
}

fn on_path(program: &str) -> bool {
    env::var_os("PATH")
        .is_some_and(|path| env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_not_there_is_missing() {
        let needs = [("sh", "dash"), ("no-such-program-here", "no-such-package")];
        assert_eq!(missing(&needs), [("no-such-program-here", "no-such-package")]);
    }
}
