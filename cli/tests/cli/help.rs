use crate::harness::{check, streamctl};

/// `--help` of the program and of every command, as a person at a terminal of 100 columns sees it.
#[test]
fn help_of_every_command() {
    let commands: [&[&str]; 84] = [
        &[],
        &["plan"],
        &["deploy"],
        &["create"],
        &["show"],
        &["list"],
        &["balance"],
        &["watch"],
        &["withdraw"],
        &["redeem"],
        &["settle"],
        &["claim"],
        &["update"],
        &["update", "propose"],
        &["update", "accept"],
        &["update", "revoke"],
        &["demo"],
        &["completions"],
        &["portal"],
        &["portal", "deposit"],
        &["portal", "stream"],
        &["portal", "forward"],
        &["portal", "inbox"],
        &["rollup"],
        &["rollup", "demo"],
        &["rollup", "up"],
        &["rollup", "status"],
        &["rollup", "reset"],
        &["rollup", "send"],
        &["rollup", "send", "transfer"],
        &["rollup", "send", "stream"],
        &["rollup", "send", "extend"],
        &["rollup", "send", "cancel"],
        &["rollup", "send", "withdraw"],
        &["rollup", "send", "batch"],
        &["rollup", "send", "raw"],
        &["rollup", "balance"],
        &["rollup", "streams"],
        &["rollup", "stream"],
        &["rollup", "solvency"],
        &["rollup", "outputs"],
        &["rollup", "voucher"],
        &["rollup", "voucher", "list"],
        &["rollup", "voucher", "prove"],
        &["rollup", "voucher", "execute"],
        &["index"],
        &["index", "init"],
        &["index", "run"],
        &["index", "status"],
        &["index", "streams"],
        &["index", "deposits"],
        &["index", "pairs"],
        &["index", "tokens"],
        &["index", "projects"],
        &["index", "snapshot"],
        &["index", "windows"],
        &["index", "verify"],
        &["index", "export"],
        &["index", "export", "rows"],
        &["index", "export", "snapshots"],
        &["index", "export", "sums"],
        &["index", "car"],
        &["index", "car", "export"],
        &["index", "car", "import"],
        &["index", "unwind"],
        &["index", "consensus"],
        &["index", "consensus", "serve"],
        &["index", "consensus", "status"],
        &["index", "consensus", "key"],
        &["sim"],
        &["sim", "models"],
        &["sim", "new"],
        &["sim", "run"],
        &["sim", "sweep"],
        &["sim", "montecarlo"],
        &["sim", "corners"],
        &["sim", "worst-case"],
        &["sim", "sensitivity"],
        &["sim", "optimize"],
        &["sim", "assert"],
        &["sim", "compare"],
        &["sim", "plot"],
        &["sim", "verify"],
        &["sim", "merge"],
    ];
    for command in commands {
        let ran = streamctl().args(command).arg("--help").output().unwrap();
        assert_eq!(ran.status.code(), Some(0), "{command:?}");
        let help = String::from_utf8(ran.stdout).unwrap();
        assert!(help.contains("Examples:\n"), "{command:?} has no examples");
        check(&["help", &command.join("_")].join("_"), &help);
    }
}

#[test]
fn usage_errors_exit_with_2() {
    for line in [&["frobnicate"][..], &[], &["completions", "tcsh"]] {
        assert_eq!(streamctl().args(line).output().unwrap().status.code(), Some(2), "{line:?}");
    }
}

#[test]
fn completions_name_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = streamctl().args(["completions", shell]).output().unwrap();
        assert!(ran.status.success());
        let script = String::from_utf8(ran.stdout).unwrap();
        for command in ["create", "withdraw", "redeem", "update", "watch", "solvency", "status", "montecarlo", "unwind"]
        {
            assert!(script.contains(command), "{shell} does not complete {command}");
        }
    }
}
