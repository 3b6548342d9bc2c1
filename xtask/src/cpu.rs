//! How much processor time the children of this process took.

use std::fs;
use std::time::Duration;

/// Time of all children that were waited for; `None` where the system does not tell it like Linux.
pub(crate) fn of_children() -> Option<Duration> {
    parse(&fs::read_to_string("/proc/self/stat").ok()?)
}

/// `man proc_pid_stat`: fields 16 and 17, counted from behind the name, which may hold anything.
fn parse(stat: &str) -> Option<Duration> {
    let (_, after) = stat.rsplit_once(')')?;
    let mut fields = after.split_whitespace().skip(13);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(Duration::from_millis((user + system) * 1000 / TICKS))
}

/// Ticks in a second: a constant of Linux's interface, whatever the kernel counts in.
const TICKS: u64 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_of_children_stands_behind_a_name_that_holds_anything() {
        let stat = "1 (a) b) (c) S 1 1 1 0 -1 4194560 1 1 0 0 7 8 250 50 20 0 1 0 9 9 9";
        assert_eq!(parse(stat), Some(Duration::from_secs(3)));
        assert_eq!(parse("1 (a) S 1"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn time_of_children_never_goes_back() {
        let before = of_children().unwrap();
        assert!(std::process::Command::new("true").status().unwrap().success());
        assert!(of_children().unwrap() >= before);
    }
}
