//! An index in PostgreSQL, by the commands that people type: one process, two, and one that is killed.

use std::fs;

use crate::{
    harness::Net,
    index::{Running, said},
    postgres,
};

/// A configuration by `index init` for the streams of the net, in a schema of its own: `$CONFIG`. Nothing without a server.
fn configure(net: &mut Net) -> Option<()> {
    let url = postgres::url()?;
    net.name("$STORE", &url);
    // As it is shown: without its password, and with the folder of the server's socket.
    net.name("$SHOWN", url.replace(":hunter2", "").replace("%2F", "/"));
    let file = net.home().join("index.toml");
    net.name("$CONFIG", file.display());
    net.anyone("index init --to $CONFIG --store $STORE --rpc-url $URL");
    let text = fs::read_to_string(&file).unwrap();
    let (size, pace) = ("\nsize = 100\n", "\n[chain]\n");
    assert!(text.contains(size) && text.contains(pace), "{text}");
    fs::write(&file, text.replace(size, "\nsize = 50\n").replace(pace, "\n[chain]\npoll_ms = 50\n")).unwrap();
    Some(())
}

#[test]
fn index_in_postgres_is_made_and_read() {
    let mut net = Net::with_streams();
    let Some(()) = configure(&mut net) else { return };
    let line = fs::read_to_string(net.named("$CONFIG")).unwrap();
    let line = line.lines().find(|line| line.starts_with("store")).unwrap().to_owned();
    net.remark(&line);
    net.anyone("index status --config $CONFIG");
    net.anyone("index run --once --quiet --listen 127.0.0.1:0 --config $CONFIG");
    net.anyone("index status --config $CONFIG");
    net.anyone("index streams --config $CONFIG --state all");
    net.anyone("index verify --config $CONFIG");
    net.anyone("index unwind --to 940 --config $CONFIG --yes");
    net.anyone("index run --once --quiet --json --listen 127.0.0.1:0 --config $CONFIG");
    net.anyone("index verify --config $CONFIG");
    net.remark("a password in a variable, and stores that cannot be");
    net.anyone("index init --to $HOME/variable.toml --store postgres://index:${PGPASSWORD}@127.0.0.1:1/index");
    net.anyone("index status --config $HOME/variable.toml");
    net.anyone("index init --to $HOME/away.toml --store postgres://index:hunter2@127.0.0.1:1/index");
    net.anyone("index status --config $HOME/away.toml");
    net.anyone("index run --once --config $HOME/away.toml");
    net.anyone("index init --to $HOME/mysql.toml --store mysql://127.0.0.1/index");
    net.anyone("index status --config $HOME/mysql.toml");
    net.check("index_in_postgres_is_made_and_read");
}

/// One follows the chain, the other makes snapshots for it and takes over when it is killed in the middle of its work.
#[test]
fn one_process_goes_on_where_another_is_killed() {
    let mut net = Net::with_streams();
    let Some(()) = configure(&mut net) else { return };
    let mut first = Running::with(&mut net, "--config $CONFIG");
    first.wait(&net);
    let mut second = Running::with(&mut net, "--config $CONFIG");
    said(
        &mut second.stderr,
        "warning: another process follows the chain into this store; this one makes snapshots for it",
    );
    let list = |index: &Running| {
        let told = net.json(None, &format!("list --state all --quiet --index {}", index.url));
        told["streams"].as_array().unwrap().len()
    };
    // Both read the same store.
    assert_eq!((list(&first), list(&second)), (5, 5));
    net.mine(700);
    first.child.kill().unwrap();
    assert!(!first.child.wait().unwrap().success());
    second.wait(&net);
    net.mine(100);
    second.wait(&net);
    let third = Running::with(&mut net, "--config $CONFIG");
    let ran = second.interrupt();
    assert_eq!((&ran["stored"], &ran["n_reorgs"]), (&"1815".into(), &"0".into()));
    net.mine(60);
    third.wait(&net);
    drop(third);
    let told =
        net.command(None, "index run --once --quiet --json --listen 127.0.0.1:0 --config $CONFIG").output().unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let verified = net.json(None, "index verify --config $CONFIG");
    // Epochs of 50 blocks, from the first block of a contract on.
    let status = net.json(None, "index status --config $CONFIG");
    assert_eq!(status["as_of"]["block"], 1_875);
    let n_epochs = status["newest_epoch"].as_u64().unwrap() + 1;
    assert_eq!((&verified["n_epochs"], &verified["n_differences"]), (&n_epochs.to_string().into(), &"0".into()));
    assert!(n_epochs >= 35, "{n_epochs}");
}
