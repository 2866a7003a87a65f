//! Divides a command line into words, as a shell does.

/// The words of a command, as a shell separates them.
#[derive(Default)]
struct ShellWords {
    ended: Vec<String>,
    /// The word that is being read.
    word: Option<String>,
    /// It is the file of a redirection, which is no part of the call.
    is_target: bool,
}

impl ShellWords {
    pub(super) fn push(&mut self, character: char) {
        self.word().push(character);
    }

    fn word(&mut self) -> &mut String {
        self.word.get_or_insert_default()
    }

    fn end_word(&mut self) {
        if let Some(word) = self.word.take()
            && !std::mem::take(&mut self.is_target)
        {
            self.ended.push(word);
        }
    }

    /// The next word is the file, or the stream, of a redirection.
    fn redirect(&mut self) {
        // The number of a stream, as in `2>`.
        if self.word.as_ref().is_some_and(|word| word.bytes().all(|byte| byte.is_ascii_digit())) {
            self.word = None;
        }
        self.end_word();
        self.is_target = true;
    }
}

/// The words of the first curl command in a line of a shell: quotes, backslashes, `$'…'`, continued lines, redirections.
/// Those of the line's first command when none of its commands is curl.
pub(super) fn split_words(line: &str) -> Result<Vec<String>, String> {
    let mut words = ShellWords::default();
    let mut first = None;
    let mut rest = line.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '\\' => match rest.next() {
                Some('\n') | None => {}
                Some('\r') if rest.peek() == Some(&'\n') => drop(rest.next()),
                Some(escaped) => words.push(escaped),
            },
            '$' if rest.peek() == Some(&'\'') => {
                rest.next();
                quoted(&mut rest, '\'', true, words.word())?;
            }
            '\'' => quoted(&mut rest, '\'', false, words.word())?,
            '"' => quoted(&mut rest, '"', true, words.word())?,
            blank if blank.is_whitespace() => words.end_word(),
            '<' if rest.peek() == Some(&'<') => {
                return Err("a body after `<<` is not read: write it after `-d`, in quotes".to_owned());
            }
            '<' | '>' => {
                words.redirect();
                while rest.next_if(|sign| matches!(sign, '<' | '>' | '&' | '|')).is_some() {}
            }
            // Of `&>`, a redirection of two streams.
            '&' if rest.peek() == Some(&'>') => {}
            // In an address without quotes. A shell would end the command here, and lose the rest of the query.
            '&' if words.word.is_some() && rest.peek().is_some_and(|next| *next != '&' && !next.is_whitespace()) => {
                words.push('&');
            }
            // The next command of a pipeline or list.
            '|' | ';' | '&' => {
                words.end_word();
                let ended = std::mem::take(&mut words).ended;
                if is_curl(&ended) {
                    return Ok(ended);
                }
                first = first.or(Some(ended).filter(|ended| !ended.is_empty()));
            }
            // A comment.
            '#' if words.word.is_none() => while rest.next().is_some_and(|sign| sign != '\n') {},
            other => words.push(other),
        }
    }
    words.end_word();
    Ok(if is_curl(&words.ended) { words.ended } else { first.unwrap_or(words.ended) })
}

fn is_curl(words: &[String]) -> bool {
    words.iter().any(|word| word == "curl")
}

fn quoted(rest: &mut impl Iterator<Item = char>, end: char, escapes: bool, word: &mut String) -> Result<(), String> {
    while let Some(character) = rest.next() {
        match character {
            character if character == end => return Ok(()),
            '\\' if escapes => match rest.next() {
                Some('\n') => {}
                Some(escaped) if escaped == end || matches!(escaped, '\\' | '$' | '`') => word.push(escaped),
                Some(other) => word.extend(['\\', other]),
                None => break,
            },
            other => word.push(other),
        }
    }
    Err(format!("a `{end}` has no end"))
}
