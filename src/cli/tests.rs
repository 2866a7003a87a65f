use clap::CommandFactory;

use super::*;
use crate::exit::Exit;

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn every_exit_code_is_in_the_help() {
    for exit in [
        Exit::Done,
        Exit::StepFailed,
        Exit::Usage,
        Exit::PlanWrong,
        Exit::NotAllowed,
        Exit::Quota,
        Exit::StillWaiting,
        Exit::Unknown,
        Exit::Locked,
        Exit::ChangesPending,
        Exit::TeardownIncomplete,
        Exit::RecordUnusable,
        Exit::Bug,
        Exit::Interrupted,
    ] {
        let line = format!("{:>5}  {}", exit.code(), exit.meaning());
        assert!(AFTER_HELP.contains(&line), "{line}");
    }
}

#[test]
fn no_option_of_a_command_is_called_as_one_of_all() {
    let globals: Vec<String> = Cli::command().get_arguments().map(|argument| argument.get_id().to_string()).collect();
    for command in Cli::command().get_subcommands() {
        for argument in command.get_arguments() {
            assert!(!globals.contains(&argument.get_id().to_string()), "{} {}", command.get_name(), argument.get_id());
        }
    }
}

#[test]
fn every_command_with_the_option_prints_curl_lines() {
    fn visit(command: &clap::Command, words: &[String], number: &mut usize) {
        let words = [words, &[command.get_name().to_owned()]].concat();
        command.get_subcommands().for_each(|command| visit(command, &words, number));
        let is_switch = |argument: &clap::Arg| !argument.get_action().takes_values();
        if command.get_arguments().any(|argument| argument.get_long() == Some("curl") && is_switch(argument)) {
            // More positional arguments than any command takes are left out one by one; `state resolve` needs a decision.
            let typed = [&["--curl"][..], &["--curl", "--not-applied"]].into_iter().find_map(|flags| {
                (0..4).find_map(|positional| {
                    let given = std::iter::repeat_n("x", positional).chain(flags.iter().copied());
                    Cli::try_parse_from(words.iter().map(String::as_str).chain(given)).ok()
                })
            });
            let typed = typed.unwrap_or_else(|| panic!("{words:?}"));
            assert!(typed.command.prints_curl(), "{words:?}");
            *number += 1;
        }
    }
    let mut number = 0;
    visit(&Cli::command(), &[], &mut number);
    assert!(number >= 13, "{number}");
}

#[test]
fn no_paragraph_of_a_help_text_is_broken_by_hand() {
    fn visit(command: &clap::Command) {
        let texts = [command.get_after_help(), command.get_long_about(), command.get_about()];
        for text in texts.into_iter().flatten().map(ToString::to_string) {
            let lines: Vec<&str> = text.lines().collect();
            let is_prose = |line: &str| !line.is_empty() && !line.starts_with(' ');
            let broken = lines.windows(2).find(|pair| pair.iter().all(|line| is_prose(line)));
            assert_eq!(broken, None, "{}", command.get_name());
        }
        command.get_subcommands().for_each(visit);
    }
    visit(&Cli::command());
}

#[test]
fn every_command_says_what_it_does() {
    for command in Cli::command().get_subcommands() {
        assert!(command.get_about().is_some(), "{}", command.get_name());
    }
}

#[test]
fn every_long_option_says_what_it_is_for() {
    fn visit(command: &clap::Command) {
        for argument in command.get_arguments() {
            assert!(argument.get_help().is_some(), "{} {}", command.get_name(), argument.get_id());
        }
        command.get_subcommands().for_each(visit);
    }
    visit(&Cli::command());
}
