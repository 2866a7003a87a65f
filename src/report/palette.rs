//! The colours of the output. They never carry meaning of their own: the text says the same.

use std::fmt::Display;

use annotate_snippets::renderer::{AnsiColor, Effects, Style};

/// Whether escape codes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Color {
    #[default]
    Off,
    On,
}

/// Colours words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Palette {
    color: Color,
}

impl Palette {
    pub fn new(color: Color) -> Self {
        Self { color }
    }

    pub fn good(self, words: impl Display) -> String {
        self.paint(AnsiColor::Green.on_default(), words)
    }

    pub fn bad(self, words: impl Display) -> String {
        self.paint(AnsiColor::BrightRed.on_default().effects(Effects::BOLD), words)
    }

    pub fn warning(self, words: impl Display) -> String {
        self.paint(AnsiColor::Yellow.on_default(), words)
    }

    pub fn name(self, words: impl Display) -> String {
        self.paint(Style::new().effects(Effects::BOLD), words)
    }

    pub fn busy(self, words: impl Display) -> String {
        self.paint(AnsiColor::Cyan.on_default(), words)
    }

    pub fn faint(self, words: impl Display) -> String {
        self.paint(Style::new().effects(Effects::DIMMED), words)
    }

    fn paint(self, style: Style, words: impl Display) -> String {
        match self.color {
            Color::On => format!("{style}{words}{style:#}"),
            Color::Off => words.to_string(),
        }
    }
}
