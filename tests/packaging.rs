//! What the packages bring fits the program: unit, sample configuration, manual, completions, and the files that the
//! metadata names.

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use clap::CommandFactory as _;
use couplet::cli::Cli;
use couplet::config::{self, Config};
use toml_edit::{DocumentMut, Value};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The values of a key in the unit, in order.
fn unit(key: &str) -> Vec<String> {
    text("packaging/couplet.service")
        .lines()
        .filter_map(|line| line.strip_prefix(key)?.strip_prefix('='))
        .map(str::to_owned)
        .collect()
}

fn parse(text: &str) -> Config {
    let path = Path::new("/etc/couplet/config.toml");
    config::parse(text, path).unwrap_or_else(|errors| panic!("{errors:#?}"))
}

/// The sample with every setting in force: a `#` without a blank after it hides one.
fn uncommented(sample: &str) -> String {
    let lines = sample.lines().map(|line| {
        let setting = line
            .strip_prefix('#')
            .filter(|rest| !rest.is_empty() && !rest.starts_with(' '));
        setting.unwrap_or(line).to_owned() + "\n"
    });
    lines.collect()
}

#[test]
fn the_command_that_the_unit_starts_is_one_of_ours() {
    let start = unit("ExecStart");
    let [start] = start.as_slice() else {
        panic!("one command: {start:?}");
    };
    let matches = Cli::command()
        .try_get_matches_from(start.split_whitespace())
        .expect("our own command line");
    assert_eq!(matches.subcommand_name(), Some("run"));
    let configuration = matches
        .get_one::<PathBuf>("config")
        .expect("a configuration");
    assert_eq!(
        unit("ConditionPathExists"),
        [configuration.display().to_string()],
        "the unit waits for the configuration that it starts with"
    );
}

#[test]
fn the_exit_codes_that_forbid_a_restart_are_ours() {
    use couplet::exit::Exit;
    let codes = [Exit::Usage, Exit::Config].map(|exit| exit.code().to_string());
    assert_eq!(unit("RestartPreventExitStatus"), [codes.join(" ")]);
}

#[test]
fn the_sample_configuration_is_accepted_as_it_stands() {
    let config = parse(&text("packaging/config.toml.sample"));
    assert!(
        config.state.starts_with("/var/lib/couplet"),
        "the folder that the unit lets us write: {}",
        config.state.display()
    );
}

#[test]
fn the_sample_configuration_is_accepted_with_every_setting_uncommented() {
    let sample = text("packaging/config.toml.sample");
    let settings = uncommented(&sample);
    assert_ne!(settings, sample);
    let _ = parse(&settings);
}

#[test]
fn every_file_that_the_packages_name_exists_or_is_made_by_the_build() {
    let manifest: DocumentMut = text("Cargo.toml").parse().expect("TOML");
    let metadata = &manifest["package"]["metadata"];
    let assets = |kind: &str| {
        let assets = metadata[kind]["assets"].as_array().expect("assets");
        assets.clone()
    };
    let mut named: Vec<String> = Vec::new();
    for asset in assets("deb").iter() {
        let source = asset.as_array().and_then(|asset| asset.get(0));
        named.extend(source.and_then(Value::as_str).map(str::to_owned));
    }
    for asset in assets("generate-rpm").iter() {
        let source = asset
            .as_inline_table()
            .and_then(|asset| asset.get("source"));
        named.extend(source.and_then(Value::as_str).map(str::to_owned));
    }
    for key in [
        "post_install_script",
        "pre_uninstall_script",
        "post_uninstall_script",
    ] {
        let script = metadata["generate-rpm"][key].as_str().expect("a script");
        named.push(script.to_owned());
    }
    assert!(named.len() > 20, "{named:?}");
    let build = text("packaging/build");
    for file in named {
        let made = file
            .strip_prefix("target/packages/")
            .map(|made| made.split(['/', '*']).next().unwrap_or(made).to_owned());
        match made {
            Some(made) => assert!(build.contains(&format!("/{made}")), "nobody makes {file}"),
            None if file == "target/release/couplet" => {}
            None => assert!(root().join(&file).is_file(), "{file} is missing"),
        }
    }
}

#[test]
fn the_manual_has_a_page_for_every_command() {
    let folder = tempfile::tempdir().expect("a folder");
    Command::new(env!("CARGO_BIN_EXE_couplet"))
        .args(["man", "--folder"])
        .arg(folder.path())
        .assert()
        .success();
    let page = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap_or_default();
    for command in Cli::command().get_subcommands() {
        let name = format!("couplet-{}.1", command.get_name());
        assert!(page(&name).contains(".SH SYNOPSIS"), "{name}");
    }
    let main = page("couplet.1");
    for part in ["EXIT STATUS", "/etc/couplet/config.toml", "DESCRIPTION"] {
        assert!(main.contains(part), "{part} in couplet.1");
    }
}

#[test]
fn completions_are_printed_for_the_shells_that_the_packages_serve() {
    for (shell, says) in [
        ("bash", "complete -F _couplet"),
        ("zsh", "#compdef couplet"),
        ("fish", "complete -c couplet"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_couplet"))
            .args(["completions", shell])
            .output()
            .expect("ran");
        let script = String::from_utf8(output.stdout).expect("text");
        assert!(script.contains(says), "{shell}");
    }
}
