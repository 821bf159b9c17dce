//! The command line as a whole: its help, and what it refuses to read.

use std::fmt::Write;

use clap::CommandFactory;

use super::*;

/// Help of a command and of all below it.
fn help(command: &mut clap::Command, path: &str, text: &mut String) {
    let path = format!("{path} {}", command.get_name());
    let words = command.clone().term_width(100).render_long_help();
    writeln!(text, "$ {} --help\n{words}", path.trim()).unwrap();
    for child in command.get_subcommands_mut() {
        if child.get_name() != "help" {
            help(child, &path, text);
        }
    }
}

#[test]
fn the_whole_help_reads_as_reviewed() {
    let mut command = Cli::command();
    command.build();
    let mut text = String::new();
    help(&mut command, "", &mut text);
    insta::assert_snapshot!("help", text);
}

#[test]
fn the_tree_of_commands_is_sound() {
    Cli::command().debug_assert();
}

fn check(arguments: &str, expected: &str) {
    let words = ["postrider"].into_iter().chain(arguments.split(' '));
    let error = Cli::try_parse_from(words).unwrap_err().to_string();
    let first = error.lines().next().unwrap_or_default();
    assert_eq!(first, expected, "{arguments}");
}

#[test]
fn what_no_command_can_mean_is_named() {
    check(
        "letter show 7",
        "error: invalid value '7' for '<ID>': a letter's id has 32 hexadecimal digits; `postrider letter list` shows them",
    );
    check(
        "letter list --state gone",
        "error: invalid value 'gone' for '--state <STATE>': the states are queued, leased, delivered, bounced, expired, suppressed, cancelled, failed, in_doubt",
    );
    check(
        "letter list --to nobody",
        "error: invalid value 'nobody' for '--to <ADDRESS>': is not of the form local@domain",
    );
    check(
        "suppression add anna@mail.ru --scope all",
        "error: invalid value 'all' for '--scope <SCOPE>': a scope is everything, marketing, or stream:NAME",
    );
    check(
        "dkim new localhost",
        "error: invalid value 'localhost' for '<DOMAIN>': has a domain that is not a host name",
    );
    check(
        "events --after now",
        "error: invalid value 'now' for '--after <CURSOR>': not a cursor; take the `cursor` of the last line that you have seen",
    );
    check(
        "sink --bounce 2",
        "error: invalid value '2' for '--bounce <0..1>': a share is a number from 0 to 1",
    );
    check(
        "sim --seeds 7",
        "error: invalid value '7' for '--seeds <A..B>': seeds are given as A..B with A below B, such as 0..300",
    );
    check(
        "report --since yesterday",
        "error: invalid value 'yesterday' for '--since <MOMENT|SPAN>': neither a moment such as 2026-11-23T08:00:00Z nor a span such as 90s, 2h, 3d",
    );
}
