//! The grammar inside field values: list members, tokens, parameters, quoted strings (RFC 9110 section 5.6).
//!
//! Every function is total: a value that breaks the grammar is split as far as it goes, and never into more members
//! than a recipient would see who knows about quotes. What a value means is its field's business.

use crate::class::{is_token, trim_ows};
use crate::digits;
use alloc::borrow::Cow;
use alloc::vec::Vec;

/// The members of a list-valued field line: `a, "b, c",, d` has `a`, `"b, c"` and `d`.
///
/// A comma within a quoted string does not separate. Empty members are ignored (RFC 9110 section 5.6.1.2), white
/// space around a member is not part of it. A quoted string that never ends goes to the end of the line.
///
/// ```
/// let members: Vec<_> = h1wire_proto::members(b", a ,, \"b, c\"").collect();
/// assert_eq!(members, [&b"a"[..], b"\"b, c\""]);
/// ```
pub fn members(value: &[u8]) -> Members<'_> {
    Members { rest: value, comments: false }
}

/// Like [`members`], for the fields whose members may contain comments, such as `Via`: a comma within parentheses
/// does not separate either (RFC 9110 section 5.6.5).
pub fn members_with_comments(value: &[u8]) -> Members<'_> {
    Members { rest: value, comments: true }
}

/// The members of a list that are tokens, such as the options of `Connection`. What is not a token is left out.
///
/// ```
/// let options: Vec<_> = h1wire_proto::tokens(b"close, \"x\", b@d, Upgrade").collect();
/// assert_eq!(options, [&b"close"[..], b"Upgrade"]);
/// ```
pub fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    members(value).filter(|m| is_token(m))
}

/// What stands between any two commas, without white space around it, and possibly nothing. For lists whose members
/// are tokens, as the machine reads them: where there are no quoted strings, none can hide a member from it that
/// another hop sees.
pub(crate) fn between_commas(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|b| *b == b',').map(trim_ows)
}

/// Splits a member into what stands before the first `;` and the parameters after it.
///
/// ```
/// let (media_type, mut parameters) = h1wire_proto::split_parameters(b"text/html; Charset=\"utf-8\"");
/// assert_eq!(media_type, b"text/html");
/// let charset = parameters.next().unwrap();
/// assert!(charset.is("charset"));
/// assert_eq!(&*charset.value().unwrap(), b"utf-8");
/// assert!(parameters.next().is_none());
/// ```
pub fn split_parameters(member: &[u8]) -> (&[u8], Parameters<'_>) {
    let (item, rest) = split(member, b';', false);
    (trim_ows(item), Parameters { rest: rest.unwrap_or_default() })
}

/// What a quoted string says, without quotes and backslashes (RFC 9110 section 5.6.4). Anything else is given back
/// as it is. Copies only where a backslash must be taken out.
///
/// ```
/// assert_eq!(&*h1wire_proto::unquote(br#""a \"b\"""#), br#"a "b""#);
/// assert_eq!(&*h1wire_proto::unquote(b"token"), b"token");
/// ```
pub fn unquote(value: &[u8]) -> Cow<'_, [u8]> {
    let Some(inside) = value.strip_prefix(b"\"") else { return Cow::Borrowed(value) };
    let Some(first) = memchr::memchr2(b'"', b'\\', inside) else { return Cow::Borrowed(value) };
    if first + 1 == inside.len() && inside.ends_with(b"\"") {
        return Cow::Borrowed(inside.get(..first).unwrap_or_default());
    }
    let mut plain = Vec::with_capacity(inside.len());
    let mut bytes = inside.iter();
    while let Some(b) = bytes.next() {
        match b {
            b'"' if bytes.len() == 0 => return Cow::Owned(plain),
            b'"' => break,
            b'\\' => plain.extend(bytes.next()),
            b => plain.push(*b),
        }
    }
    Cow::Borrowed(value)
}

/// Iterates over the members of one field line. Made by [`members`] and [`members_with_comments`].
#[derive(Clone, Debug)]
pub struct Members<'a> {
    rest: &'a [u8],
    comments: bool,
}

impl<'a> Iterator for Members<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        while !self.rest.is_empty() {
            let (member, rest) = split(self.rest, b',', self.comments);
            self.rest = rest.unwrap_or_default();
            let member = trim_ows(member);
            if !member.is_empty() {
                return Some(member);
            }
        }
        None
    }
}

/// One parameter of a member, `name=value` (RFC 9110 section 5.6.6).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Parameter<'a> {
    /// The name as received. Names of parameters are case-insensitive.
    pub name: &'a [u8],
    /// The value as received, with its quotes. `None` without `=`.
    pub raw: Option<&'a [u8]>,
}

impl<'a> Parameter<'a> {
    /// Takes `name=value` apart. There may be white space around `=`, though nobody should send any.
    pub fn parse(text: &'a [u8]) -> Self {
        match split(text, b'=', false) {
            (name, Some(value)) => Self { name: trim_ows(name), raw: Some(trim_ows(value)) },
            (name, None) => Self { name: trim_ows(name), raw: None },
        }
    }

    /// Whether this is the parameter `name`, whatever its case.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// The value [without quotes](unquote).
    pub fn value(&self) -> Option<Cow<'a, [u8]>> {
        self.raw.map(unquote)
    }
}

/// Iterates over the parameters of a member; empty ones are ignored. Made by [`split_parameters`].
#[derive(Clone, Debug)]
pub struct Parameters<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Parameters<'a> {
    type Item = Parameter<'a>;

    fn next(&mut self) -> Option<Parameter<'a>> {
        while !self.rest.is_empty() {
            let (parameter, rest) = split(self.rest, b';', false);
            self.rest = rest.unwrap_or_default();
            let parameter = trim_ows(parameter);
            if !parameter.is_empty() {
                return Some(Parameter::parse(parameter));
            }
        }
        None
    }
}

/// What the `Keep-Alive` field of a peer hints at: `timeout=5, max=100`.
///
/// A hint, not a promise. Members that are unknown or not a number are ignored; of several numbers the least
/// counts, because believing too little costs a connection and believing too much a request.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
pub struct KeepAlive {
    /// How many seconds the peer will keep an idle connection. Larger numbers are taken as `u32::MAX`.
    pub timeout: Option<u32>,
    /// How many more requests the peer will take. Larger numbers are taken as `u32::MAX`.
    pub max: Option<u32>,
}

impl KeepAlive {
    /// Reads the values of all `Keep-Alive` lines.
    ///
    /// ```
    /// let hint = h1wire_proto::KeepAlive::parse([&b"timeout=5, max=100"[..]]);
    /// assert_eq!((hint.timeout, hint.max), (Some(5), Some(100)));
    /// ```
    pub fn parse<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hint = Self::default();
        for parameter in values.into_iter().flat_map(members).map(Parameter::parse) {
            let slot = if parameter.is("timeout") {
                &mut hint.timeout
            } else if parameter.is("max") {
                &mut hint.max
            } else {
                continue;
            };
            if let Some(n) = parameter.value().and_then(|v| digits::number(&v)) {
                let n = u32::try_from(n).unwrap_or(u32::MAX);
                *slot = Some(slot.map_or(n, |before| before.min(n)));
            }
        }
        hint
    }
}

/// Whether `text` is one or more parameters and nothing else: `token BWS "=" BWS ( token / quoted-string )` with `;`
/// between them (RFC 9112 section 7).
pub(crate) fn are_parameters(mut text: &[u8]) -> bool {
    loop {
        let (parameter, rest) = split(text, b';', false);
        let Parameter { name, raw } = Parameter::parse(trim_ows(parameter));
        if !is_token(name) || !raw.is_some_and(|value| is_token(value) || is_quoted(value)) {
            return false;
        }
        match rest {
            Some(rest) => text = rest,
            None => return true,
        }
    }
}

/// `quoted-string` (RFC 9110 section 5.6.4), of bytes that may stand in a field value.
fn is_quoted(text: &[u8]) -> bool {
    let Some(mut rest) = text.strip_prefix(b"\"") else { return false };
    loop {
        rest = match rest {
            [b'"'] => return true,
            [] | [b'"', ..] => return false,
            [b'\\', _, rest @ ..] | [_, rest @ ..] => rest,
        };
    }
}

/// What stands before the first `separator` that is in no quoted string (nor, with `comments`, in a comment), and
/// what stands after it.
fn split(text: &[u8], separator: u8, comments: bool) -> (&[u8], Option<&[u8]>) {
    let (mut quoted, mut depth, mut at) = (false, 0usize, 0);
    while let Some(b) = text.get(at) {
        match b {
            b'\\' if quoted || depth > 0 => at += 1,
            b'"' if depth == 0 => quoted = !quoted,
            b'(' if comments && !quoted => depth += 1,
            b')' if depth > 0 => depth -= 1,
            b if *b == separator && !quoted && depth == 0 => {
                return (text.get(..at).unwrap_or_default(), text.get(at + 1..));
            }
            _ => {}
        }
        at += 1;
    }
    (text, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split_list(value: &str) -> Vec<&str> {
        members(value.as_bytes()).map(|m| core::str::from_utf8(m).unwrap()).collect()
    }

    #[test]
    fn empty_members_and_white_space_are_ignored() {
        assert_eq!(split_list(""), [""; 0]);
        assert_eq!(split_list(" ,\t, ,"), [""; 0]);
        assert_eq!(split_list(", close,,\tx y \t,"), ["close", "x y"]);
    }

    #[test]
    fn a_comma_within_quotes_does_not_separate_and_an_escaped_quote_does_not_end_them() {
        assert_eq!(split_list(r#"a="1,2", b"#), [r#"a="1,2""#, "b"]);
        assert_eq!(split_list(r#""a\",b",c"#), [r#""a\",b""#, "c"]);
        assert_eq!(
            split_list(r#"a\,b"#),
            [r"a\", "b"],
            "outside quotes a backslash is a byte like any other"
        );
    }

    #[test]
    fn a_quoted_string_that_never_ends_takes_the_rest() {
        assert_eq!(split_list(r#"a, "b, c"#), ["a", r#""b, c"#]);
        assert_eq!(split_list("\"a\\"), ["\"a\\"]);
    }

    #[test]
    fn a_comma_within_a_comment_separates_only_where_there_are_no_comments() {
        let via = b"1.1 a (x, (y), \\), z), 1.0 b (\"), c";
        let with: Vec<_> = members_with_comments(via).collect();
        assert_eq!(with, [&b"1.1 a (x, (y), \\), z)"[..], b"1.0 b (\")", b"c"]);
        assert_eq!(members(b"(a, b)").count(), 2);
        assert_eq!(members_with_comments(b"\"(\", b").count(), 2, "a parenthesis in quotes opens no comment");
    }

    #[test]
    fn parameters_are_split_at_semicolons_outside_quotes() {
        let (item, parameters) = split_parameters(b" a/b ;; q=0.5 ;x; y = \"1;2=\\\"3\" ; =z");
        assert_eq!(item, b"a/b");
        let all: Vec<_> = parameters.map(|p| (p.name, p.value().map(Cow::into_owned))).collect();
        let expected: [(&[u8], Option<&[u8]>); 4] =
            [(b"q", Some(b"0.5")), (b"x", None), (b"y", Some(b"1;2=\"3")), (b"", Some(b"z"))];
        assert_eq!(all, expected.map(|(n, v)| (n, v.map(<[u8]>::to_vec))));
        assert_eq!(split_parameters(b"a").1.count(), 0);
    }

    #[test]
    fn parameters_have_a_name_and_a_value_and_nothing_stands_beside_them() {
        for text in ["a=b", " a = \"b;=\\\"c\" ; d=e ", "a=\"\""] {
            assert!(are_parameters(text.as_bytes()), "{text}");
        }
        for text in
            ["", "a", "a=", "=b", "a=b;", ";a=b", "a=b c", "a=\"b", "a=\"b\"c", "a=\"b\\\"", "a b=c", "a=b=c"]
        {
            assert!(!are_parameters(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn only_a_whole_quoted_string_is_unquoted_and_copied_only_for_a_backslash() {
        assert!(matches!(unquote(b"\"a b\""), Cow::Borrowed(b"a b")));
        assert!(matches!(unquote(b"\"\""), Cow::Borrowed(b"")));
        assert!(matches!(unquote(br#""\a\\""#), Cow::Owned(v) if v == b"a\\"));
        for not_one in [&b"\"a"[..], b"a\"", b"\"a\"b", b"\"a\\\"", b"\"", b"", b"\"a\\", b"\"a\\b\"c\""] {
            assert!(
                matches!(unquote(not_one), Cow::Borrowed(v) if v == not_one),
                "{}",
                not_one.escape_ascii()
            );
        }
    }

    #[test]
    fn a_keep_alive_hint_is_two_numbers_and_the_least_counts() {
        let parse = |values: &[&str]| {
            let hint = KeepAlive::parse(values.iter().map(|v| v.as_bytes()));
            (hint.timeout, hint.max)
        };
        assert_eq!(parse(&["timeout=5, max=1000"]), (Some(5), Some(1000)));
        assert_eq!(parse(&["Timeout=\"7\""]), (Some(7), None));
        assert_eq!(parse(&["timeout=60, timeout=5", "timeout=9"]), (Some(5), None));
        assert_eq!(parse(&["timeout=99999999999"]), (Some(u32::MAX), None));
        assert_eq!(parse(&["timeout=0"]), (Some(0), None));
        assert_eq!(parse(&["timeout=-1, timeout=, timeout, max=x, other=1, 300"]), (None, None));
        assert_eq!(parse(&[]), (None, None));
    }
}
