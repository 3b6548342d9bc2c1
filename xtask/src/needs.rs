//! Programs that a task needs and cargo does not bring: installed where that may be done without a question, named elsewhere.

use std::path::Path;

use crate::failure::Failure;
use crate::run::{Run, search_path, tell};

/// A program, by any of the names that it goes by, and the Debian package that has it.
pub(crate) type Need = (&'static str, &'static str);

/// What `cargo xtask test` needs: the servers, proxies and independent implementations that the tests start.
pub(crate) const TEST: &[Need] = &[
    ("redis-server", "redis-server"),
    ("redis-cli", "redis-tools"),
    ("npm", "npm"),
    ("nginx", "nginx-light"),
    ("apache2", "apache2"),
    ("haproxy", "haproxy"),
    ("chromium|chromium-browser|google-chrome|google-chrome-stable", "chromium"),
    ("dot", "graphviz"),
    ("softhsm2-util", "softhsm2"),
    // Its programs are in no search path; this one of its package is.
    ("pg_ctlcluster", "postgresql"),
];

/// What `cargo xtask bench` needs.
pub(crate) const BENCH: &[Need] = &[("redis-server", "redis-server")];

/// What `cargo xtask fuzz` needs: libFuzzer is compiled from C++.
pub(crate) const FUZZ: &[Need] = &[("c++", "g++")];

/// Whether a task may install what it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setup {
    /// It does, where no question has to be asked.
    Install,
    /// `--no-install`: it names what is missing, and stops.
    Name,
}

/// What this process may do to the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rights {
    Root,
    /// `sudo` asks no password.
    Sudo,
    None,
}

/// Whether packages come by apt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum System {
    Debian,
    Other,
}

/// What is to be done about what is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Nothing,
    Install(Rights),
    Stop(Reason),
}

/// Why nothing is installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    ToldNotTo,
    NoApt,
    NoRights,
}

/// Sees to it that all `needs` can be started.
pub(crate) fn ensure(needs: &[Need], setup: Setup) -> Result<(), Failure> {
    let missing = missing(needs);
    match decide(&missing, setup, system, rights) {
        Way::Nothing => Ok(()),
        Way::Stop(reason) => Err(Failure::Missing(message(&missing, reason))),
        Way::Install(rights) => {
            install(&missing, rights)?;
            match self::missing(&missing).as_slice() {
                [] => Ok(()),
                rest => Err(Failure::Missing(format!("installed, and still not there: {}", programs(rest)))),
            }
        }
    }
}

/// The one rule; the machine is only asked where the answer counts. Nothing in the environment has a say.
fn decide(
    missing: &[Need],
    setup: Setup,
    system: impl FnOnce() -> System,
    rights: impl FnOnce() -> Rights,
) -> Way {
    if missing.is_empty() {
        return Way::Nothing;
    }
    if setup == Setup::Name {
        return Way::Stop(Reason::ToldNotTo);
    }
    if system() == System::Other {
        return Way::Stop(Reason::NoApt);
    }
    match rights() {
        Rights::None => Way::Stop(Reason::NoRights),
        rights @ (Rights::Root | Rights::Sudo) => Way::Install(rights),
    }
}

fn system() -> System {
    if Path::new("/etc/debian_version").is_file() && on_path("apt-get") {
        System::Debian
    } else {
        System::Other
    }
}

fn rights() -> Rights {
    if Run::program("id").argument("-u").answer().is_some_and(|id| id.trim() == "0") {
        return Rights::Root;
    }
    // `-n`: rather no than a question.
    if on_path("sudo") && Run::program("sudo").words("-n true").answer().is_some() {
        return Rights::Sudo;
    }
    Rights::None
}

fn message(missing: &[Need], reason: Reason) -> String {
    let (programs, packages) = (programs(missing), packages(missing));
    let by_hand = format!("sudo apt-get install --no-install-recommends {packages}");
    match reason {
        Reason::ToldNotTo => format!("not here, and --no-install was given: {programs}\n{by_hand}"),
        Reason::NoApt => {
            format!("not here, and this is no Debian that could install it: {programs}\n(Debian: {packages})")
        }
        Reason::NoRights => {
            format!(
                "not here, and only root may install it, which sudo does not let this be: {programs}\n{by_hand}"
            )
        }
    }
}

/// Says what it does to the machine, then does it.
fn install(missing: &[Need], rights: Rights) -> Result<(), Failure> {
    let packages = packages(missing);
    tell(format_args!(
        "installing Debian's {packages}, since tests start {}. Their services are not started now. With \
         --no-install this task names what is missing and stops.",
        programs(missing)
    ))?;
    let shell = match rights {
        Rights::Sudo => Run::program("sudo").words("-n sh"),
        Rights::Root | Rights::None => Run::program("sh"),
    };
    let packages = packages.split(' ');
    packages.fold(shell.argument("-c").argument(INSTALL).argument("install"), Run::argument).aside().run()
}

/// Installs its arguments. Redis, nginx and Apache would each be started by its package, on ports that others may have: while
/// it runs, a policy says that no service is (`man invoke-rc.d`), unless this machine has a policy of its own.
const INSTALL: &str = r#"set -eu
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  trap 'exit 1' HUP INT TERM
  printf '#!/bin/sh\nexit 101\n' > "$policy"
  chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update --quiet
apt-get install --yes --quiet --no-install-recommends "$@""#;

fn programs(needs: &[Need]) -> String {
    let first = needs.iter().map(|(program, _)| program.split('|').next().unwrap_or_default());
    first.collect::<Vec<_>>().join(", ")
}

fn packages(needs: &[Need]) -> String {
    needs.iter().map(|(_, package)| *package).collect::<Vec<_>>().join(" ")
}

fn missing(needs: &[Need]) -> Vec<Need> {
    needs.iter().copied().filter(|(program, _)| !on_path(program)).collect()
}

fn on_path(program: &str) -> bool {
    let mut names = program.split('|');
    names.any(|name| search_path().iter().any(|folder| folder.join(name).is_file()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MISSING: &[Need] = &[("redis-server", "redis-server"), ("npm", "npm")];

    #[test]
    fn only_what_is_not_there_is_missing() {
        let needs = [("sh", "dash"), ("no-such-program-here", "no-such-package")];
        assert_eq!(missing(&needs), [("no-such-program-here", "no-such-package")]);
        let named =
            [("no-such-program-here|sh", "dash"), ("no-such-program-here|nor-this", "no-such-package")];
        assert_eq!(missing(&named), [named[1]]);
        assert_eq!(programs(&named), "no-such-program-here, no-such-program-here");
    }

    #[test]
    fn what_is_missing_is_installed_exactly_where_no_question_has_to_be_asked() {
        use Rights::{None, Root, Sudo};
        for (setup, system, rights, way) in [
            (Setup::Install, System::Debian, Root, Way::Install(Root)),
            (Setup::Install, System::Debian, Sudo, Way::Install(Sudo)),
            (Setup::Install, System::Debian, None, Way::Stop(Reason::NoRights)),
            (Setup::Install, System::Other, Root, Way::Stop(Reason::NoApt)),
            (Setup::Install, System::Other, Sudo, Way::Stop(Reason::NoApt)),
            (Setup::Install, System::Other, None, Way::Stop(Reason::NoApt)),
            (Setup::Name, System::Debian, Root, Way::Stop(Reason::ToldNotTo)),
            (Setup::Name, System::Debian, Sudo, Way::Stop(Reason::ToldNotTo)),
            (Setup::Name, System::Debian, None, Way::Stop(Reason::ToldNotTo)),
            (Setup::Name, System::Other, Root, Way::Stop(Reason::ToldNotTo)),
            (Setup::Name, System::Other, Sudo, Way::Stop(Reason::ToldNotTo)),
            (Setup::Name, System::Other, None, Way::Stop(Reason::ToldNotTo)),
        ] {
            let case = format!("{setup:?} {system:?} {rights:?}");
            assert_eq!(decide(MISSING, setup, || system, || rights), way, "{case}");
            assert_eq!(decide(&[], setup, || system, || rights), Way::Nothing, "{case}");
        }
    }

    #[test]
    fn machine_is_not_asked_where_nothing_is_to_be_done() {
        let asked = || -> System { panic!("asked") };
        let may = || -> Rights { panic!("asked") };
        assert_eq!(decide(&[], Setup::Install, asked, may), Way::Nothing);
        assert_eq!(decide(MISSING, Setup::Name, asked, may), Way::Stop(Reason::ToldNotTo));
        assert_eq!(decide(MISSING, Setup::Install, || System::Other, may), Way::Stop(Reason::NoApt));
    }

    #[test]
    fn message_names_programs_and_the_command_that_brings_them() {
        for reason in [Reason::ToldNotTo, Reason::NoApt, Reason::NoRights] {
            let message = message(MISSING, reason);
            assert!(
                message.contains("redis-server, npm") && message.contains("redis-server npm"),
                "{message}"
            );
        }
    }

    #[test]
    fn script_that_installs_is_one_that_a_shell_reads() {
        Run::program("sh").words("-n -c").argument(INSTALL).run().unwrap();
    }
}
