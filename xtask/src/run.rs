//! Runs commands from the root of the repository, each printed before it starts.

use std::env;
use std::ffi::OsString;
use std::fmt::Display;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use crate::failure::Failure;

/// One command, printable the way a person would type it.
#[derive(Debug)]
pub(crate) struct Run {
    command: Command,
    shown: Vec<String>,
}

impl Run {
    /// The cargo that runs this task, without what it added to the environment for us: a nested cargo that sees other
    /// variables than one started by hand rebuilds what that one built.
    pub(crate) fn cargo() -> Self {
        let mut run = Self::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), "cargo");
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
                run.command.env_remove(&name);
            }
        }
        if let Ok(path) = env::join_paths(search_path()) {
            run.command.env("PATH", path);
        }
        run
    }

    pub(crate) fn program(path: impl Into<OsString>) -> Self {
        let path = path.into();
        let shown = Path::new(&path)
            .strip_prefix(repository())
            .map_or_else(|_| path.to_string_lossy().into_owned(), |inside| inside.display().to_string());
        Self::new(path, &shown)
    }

    fn new(program: OsString, shown: &str) -> Self {
        let mut command = Command::new(program);
        command.current_dir(repository()).stdin(Stdio::null());
        Self { command, shown: vec![shown.to_owned()] }
    }

    /// Adds arguments, split at blanks.
    pub(crate) fn words(mut self, words: &str) -> Self {
        for word in words.split_whitespace() {
            self = self.argument(word);
        }
        self
    }

    pub(crate) fn argument(mut self, argument: impl Into<OsString>) -> Self {
        let argument = argument.into();
        self.shown.push(quoted(&argument.to_string_lossy()));
        self.command.arg(argument);
        self
    }

    /// Sets a variable, shown in front of the command.
    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self.shown.insert(0, format!("{name}={}", quoted(value)));
        self
    }

    pub(crate) fn without_variable(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    pub(crate) fn inside(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// What the command says on standard output goes to standard error: that is where our own answer is not.
    pub(crate) fn aside(mut self) -> Self {
        self.command.stdout(io::stderr());
        self
    }

    /// The command as a person would type it.
    #[cfg(test)]
    pub(crate) fn shown(&self) -> String {
        self.shown.join(" ")
    }

    /// Prints the command, runs it, and fails with its exit code if it says no.
    pub(crate) fn run(mut self) -> Result<(), Failure> {
        let shown = self.shown.join(" ");
        // On standard error, so that a program's own output stays alone on standard output.
        tell(format_args!("\n$ {shown}"))?;
        let status = self.command.status().map_err(Failure::broken(format!("cannot start {shown}")))?;
        judge(status, shown)
    }

    /// Prints the command and starts it, with all that it says in the file at `log`.
    pub(crate) fn start(mut self, log: &Path) -> Result<Started, Failure> {
        let shown = self.shown.join(" ");
        tell(format_args!("$ {shown}"))?;
        let broken = || format!("cannot write {}", log.display());
        let file = File::create(log).map_err(Failure::broken(broken()))?;
        let copy = file.try_clone().map_err(Failure::broken(broken()))?;
        let child = self.command.stdout(file).stderr(copy).spawn();
        let child = child.map_err(Failure::broken(format!("cannot start {shown}")))?;
        Ok(Started { child, shown, log: log.to_owned() })
    }

    /// Runs the command quietly; its output if it could be started and said yes.
    pub(crate) fn answer(mut self) -> Option<String> {
        let output = self.command.stderr(Stdio::null()).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// A command that is running.
#[derive(Debug)]
pub(crate) struct Started {
    child: Child,
    shown: String,
    log: PathBuf,
}

impl Started {
    /// What it said, once it ended; all of it is printed when the command says no.
    pub(crate) fn finish(mut self) -> Result<String, Failure> {
        let status = self.child.wait().map_err(Failure::broken(format!("cannot wait for {}", self.shown)))?;
        let read =
            fs::read(&self.log).map_err(Failure::broken(format!("cannot read {}", self.log.display())))?;
        let said = String::from_utf8_lossy(&read).into_owned();
        if !status.success() {
            tell(&said)?;
        }
        judge(status, self.shown).map(|()| said)
    }
}

fn judge(status: ExitStatus, command: String) -> Result<(), Failure> {
    if status.success() {
        return Ok(());
    }
    // A command that a signal ended has no code.
    let code = status.code().and_then(|code| u8::try_from(code).ok()).filter(|code| *code != 0).unwrap_or(1);
    Err(Failure::Refused { command, code })
}

/// Prints a line for people on standard error.
pub(crate) fn tell(line: impl Display) -> Result<(), Failure> {
    writeln!(io::stderr().lock(), "{line}").map_err(Failure::broken("cannot write to standard error"))
}

/// Prints a line, before whatever the next command prints.
pub(crate) fn say(line: impl Display) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .map_err(Failure::broken("cannot write to standard output"))
}

/// Where programs are looked for: the path, and the folders of servers, which only root has on it.
pub(crate) fn search_path() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect();
    for servers in ["/usr/local/sbin", "/usr/sbin"].map(PathBuf::from) {
        if !folders.contains(&servers) {
            folders.push(servers);
        }
    }
    folders
}

/// The root of the repository.
pub(crate) fn repository() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_path_buf()
}

fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./=:,+@".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_command_can_be_typed() {
        let run =
            Run::new("cargo".into(), "cargo").words("doc  --no-deps").argument("it's").variable("F", "-D x");
        assert_eq!(run.shown.join(" "), r"F='-D x' cargo doc --no-deps 'it'\''s'");
    }

    #[test]
    fn exit_code_of_the_command_is_passed_on() {
        let failure = Run::new("sh".into(), "sh").argument("-c").argument("exit 7").run().unwrap_err();
        assert!(matches!(failure, Failure::Refused { code: 7, .. }), "{failure:?}");
    }

    #[test]
    fn program_that_is_not_there_gives_no_answer() {
        assert_eq!(Run::new("no-such-program-here".into(), "none").answer(), None);
    }
}
