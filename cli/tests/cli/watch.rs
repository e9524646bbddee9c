use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStdout, Command, Stdio},
};

use crate::harness::{ALICE, BOB, Net};

/// A watch that is under way.
struct Watch {
    child: Child,
    stdout: BufReader<ChildStdout>,
    seen: String,
}

impl Watch {
    fn start(net: &Net, line: &str) -> Self {
        let mut child =
            net.command(None, line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("streamctl starts");
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { child, stdout, seen: String::new() }
    }

    fn line(&mut self) {
        self.stdout.read_line(&mut self.seen).unwrap();
    }

    /// Everything that it printed, and how it ended.
    fn end(mut self) -> (String, Option<i32>) {
        self.stdout.read_to_string(&mut self.seen).unwrap();
        (self.seen.clone(), self.child.wait().unwrap().code())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn net() -> Net {
    let net = Net::new();
    for _ in 0..2 {
        let line = "create --recipient $BOB --token $TOKEN --payment 2 --interval-blocks 1 --over 20m --yes";
        let ran = net.command(Some(ALICE), line).output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    }
    net
}

#[test]
fn watch_within_bounds() {
    let mut net = net();
    net.anyone("watch 1 2 --count 1 -v");
    net.anyone("watch 1 --count 1 --json");
    net.anyone("watch 1 --for 1s");
    net.anyone("watch 1 99");
    net.anyone("watch");
    net.anyone("watch 1 --count 0");
    net.check("watch_within_bounds");
}

#[test]
fn watch_block_by_block() {
    let net = net();
    let mut watch = Watch::start(&net, "watch 1 --count 2");
    watch.line();
    net.mine(10);
    let (seen, code) = watch.end();
    assert_eq!(
        seen,
        "block 108  stream 1  streaming  due 4 DEMO  to come 196 DEMO\n\
         block 118  stream 1  streaming  due 24 DEMO  to come 176 DEMO\n"
    );
    assert_eq!(code, Some(0));
}

#[test]
fn watch_until_all_has_ended() {
    let net = net();
    let mut watch = Watch::start(&net, "watch 1");
    watch.line();
    let ran = net.command(Some(BOB), "redeem 1 --yes").output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let (seen, code) = watch.end();
    assert!(seen.ends_with("\nblock 109  stream 1  ended\n"), "{seen}");
    assert_eq!(code, Some(0));
}

#[cfg(unix)]
#[test]
fn watch_until_interrupted() {
    let net = net();
    let mut watch = Watch::start(&net, "watch 1");
    watch.line();
    let killed = Command::new("kill").args(["-INT", &watch.child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    assert_eq!(watch.end().1, Some(0));
}

/// Whoever reads a watch through `head` has read enough.
#[test]
fn watch_into_a_closed_pipe() {
    let net = net();
    let mut watch = Watch::start(&net, "watch 1");
    watch.line();
    watch.stdout = BufReader::new({
        let mut other = Command::new("true").stdout(Stdio::piped()).spawn().unwrap();
        other.wait().unwrap();
        other.stdout.take().unwrap()
    });
    net.mine(1);
    assert_eq!(watch.child.wait().unwrap().code(), Some(0));
}
