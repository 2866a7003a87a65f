//! Names that the API may show in another form than a call gave them: those of hosts know no case, may end with a dot,
//! and have two spellings where they are not ASCII (RFC 5891); e-mail addresses are told apart without case.

use std::borrow::Cow;

use serde_json::Value;

use crate::journal::id_text;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Host,
    Email,
}

/// Where such a name is: the path of a list, of a create, or of one resource, and the field.
const PLACES: [(&str, &str, Form); 5] = [
    ("/cdn/resources", "cname", Form::Host),
    ("/dns/v2/zones", "name", Form::Host),
    ("/iam/clients/invite_user", "email", Form::Email),
    ("/iam/users", "email", Form::Email),
    ("/waap/v1/domains", "name", Form::Host),
];

/// Whether two values of a field are one name. `path`: of the list, the create, or the resource.
pub fn is_same_name(path: &str, field: &str, one: &Value, other: &Value) -> bool {
    one == other || {
        let form = form_of(path, field);
        form.is_some() && usual(form, &id_text(one)) == usual(form, &id_text(other))
    }
}

/// The form of a name by which two that are the same are equal.
pub fn usual_form<'n>(path: &str, field: &str, name: &'n str) -> Cow<'n, str> {
    usual(form_of(path, field), name)
}

fn form_of(path: &str, field: &str) -> Option<Form> {
    let is_at = |place: &str| {
        let rest = path.strip_prefix(place);
        rest.is_some_and(|rest| rest.is_empty() || (rest.starts_with('/') && !rest[1..].contains('/')))
    };
    PLACES.iter().find(|(place, known, _)| *known == field && is_at(place)).map(|(.., form)| *form)
}

fn usual(form: Option<Form>, name: &str) -> Cow<'_, str> {
    match form {
        None => Cow::Borrowed(name),
        Some(Form::Email) => Cow::Owned(name.to_lowercase()),
        Some(Form::Host) => {
            let name = name.strip_suffix('.').unwrap_or(name).to_lowercase();
            Cow::Owned(if name.is_ascii() { name } else { name.split('.').map(ascii).collect::<Vec<_>>().join(".") })
        }
    }
}

/// A part of a host name in ASCII.
fn ascii(label: &str) -> String {
    match label.is_ascii() {
        true => label.to_owned(),
        false => punycode(label).map_or_else(|| label.to_owned(), |code| format!("xn--{code}")),
    }
}

/// The parameters of RFC 3492.
const BASE: u32 = 36;
const LEAST: u32 = 1;
const MOST: u32 = 26;
const DAMP: u32 = 700;
const SKEW: u32 = 38;

/// A text in Punycode (RFC 3492); `None` when a number grows too large, as in no name of a host.
fn punycode(label: &str) -> Option<String> {
    let mut code: String = label.chars().filter(char::is_ascii).collect();
    let basic = u32::try_from(code.len()).ok()?;
    let total = u32::try_from(label.chars().count()).ok()?;
    if basic > 0 {
        code.push('-');
    }
    let (mut point, mut delta, mut bias, mut done) = (128_u32, 0_u32, 72, basic);
    while done < total {
        let next = label.chars().map(u32::from).filter(|letter| *letter >= point).min()?;
        delta = delta.checked_add((next - point).checked_mul(done + 1)?)?;
        point = next;
        for letter in label.chars().map(u32::from) {
            if letter < point {
                delta = delta.checked_add(1)?;
            } else if letter == point {
                push_number(&mut code, delta, bias)?;
                bias = adapted(delta, done + 1, done == basic);
                delta = 0;
                done += 1;
            }
        }
        delta = delta.checked_add(1)?;
        point += 1;
    }
    Some(code)
}

fn push_number(code: &mut String, number: u32, bias: u32) -> Option<()> {
    let digit = |number: u32| char::from_digit((number + 10) % BASE, BASE);
    let (mut rest, mut step) = (number, BASE);
    loop {
        let threshold = step.saturating_sub(bias).clamp(LEAST, MOST);
        if rest < threshold {
            code.push(digit(rest)?);
            return Some(());
        }
        code.push(digit(threshold + (rest - threshold) % (BASE - threshold))?);
        rest = (rest - threshold) / (BASE - threshold);
        step += BASE;
    }
}

fn adapted(delta: u32, points: u32, is_first: bool) -> u32 {
    let mut delta = if is_first { delta / DAMP } else { delta / 2 };
    delta += delta / points;
    let mut steps = 0;
    while delta > (BASE - LEAST) * MOST / 2 {
        delta /= BASE - LEAST;
        steps += BASE;
    }
    steps + (BASE - LEAST + 1) * delta / (delta + SKEW)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_of_hosts_and_addresses_are_the_same_in_any_case_and_spelling() {
        const ZONES: &str = "/dns/v2/zones";
        for (path, field, one, other, same) in [
            (ZONES, "name", "our.example", "our.example", true),
            (ZONES, "name", "Our.Example", "our.example", true),
            (ZONES, "name", "our.example.", "our.example", true),
            (ZONES, "name", "M\u{dc}LLER.example", "xn--mller-kva.example", true),
            (ZONES, "name", "b\u{fc}cher.m\u{fc}nchen.example", "xn--bcher-kva.xn--mnchen-3ya.example.", true),
            (ZONES, "name", "\u{4f8b}\u{5b50}.example", "xn--fsqu00a.example", true),
            (ZONES, "name", "our.example", "their.example", false),
            (ZONES, "name", "our.example", "www.our.example", false),
            (ZONES, "contact", "A@b.example", "a@b.example", false),
            ("/dns/v2/zones/{name}", "name", "Our.Example", "our.example", true),
            ("/dns/v2/zones/{name}/rrsets", "name", "A", "a", false),
            ("/cdn/resources", "cname", "Cdn.Example", "cdn.example", true),
            ("/cdn/resources/{resource_id}/rules", "cname", "A", "a", false),
            ("/waap/v1/domains", "name", "A.example", "a.example", true),
            ("/waap/v1/domains/{domain_id}/custom-rules", "name", "Rule", "rule", false),
            ("/iam/users", "email", "Ann@b.example", "ann@B.example", true),
            ("/iam/users", "name", "Ann", "ann", false),
            ("/cloud/v1/networks/1/7", "name", "Web", "web", false),
        ] {
            assert_eq!(is_same_name(path, field, &json!(one), &json!(other)), same, "{path} {one} {other}");
            assert_eq!(usual_form(path, field, one) == usual_form(path, field, other), same, "{path} {one} {other}");
        }
    }
}
