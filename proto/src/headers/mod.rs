//! A header section that is being put together: a map by name that keeps order, case and duplicates.
//!
//! Names and values are validated when they come in. All of them lie in one buffer with one table, so that a section
//! which is cleared and filled again allocates nothing. Which fields a message needs is decided in `send`.

mod lines;
#[cfg(test)]
mod tests;

use crate::error::SendError;
use crate::field_name::FieldName;
use crate::fields::{Fields, FieldsIter};
use crate::out::Out;
use crate::send::FieldSource;
use crate::send::{Checked, Encoder};
use crate::validate::{Strictness, validate_field_value, validate_name};
use crate::views::View;
use alloc::borrow::Cow;
use alloc::vec::Vec;
use lines::Lines;

/// Fields to send, or to keep: looked up whatever their case, sent in the order and case they were given.
///
/// - **fill**: [`set`](Self::set) and [`set_values`](Self::set_values) replace, [`append`](Self::append) adds,
///   [`set_all`](Self::set_all) and [`append_all`](Self::append_all) do so for a whole section;
/// - **ask**: [`get`](Self::get), [`get_all`](Self::get_all), [`has`](Self::has), [`names`](Self::names),
///   [`iter`](Self::iter), [`view`](Self::view);
/// - **take back**: [`remove`](Self::remove), [`clear`](Self::clear), [`join_lines`](Self::join_lines);
/// - **send**: it is a [`FieldSource`], alone or [merged](Self::merged) with a last word.
///
/// A call that fails changes nothing. Look-up compares names one by one, which is fastest for the few dozen fields of
/// a message.
///
/// ```
/// use h1wire_proto::{Headers, SendError};
/// let mut headers = Headers::new();
/// headers.set("Content-Type", "text/html")?;
/// headers.set_values("Set-Cookie", ["a=1", "b=2"])?;
/// headers.set("content-type", "text/plain")?;
/// assert_eq!(headers.get("CONTENT-TYPE"), Some(&b"text/plain"[..]));
/// assert_eq!(headers.names(), [&b"content-type"[..], b"set-cookie"]);
/// assert_eq!(headers.set("X", "a\r\nb"), Err(SendError::BadFieldValue("X".into())));
/// # Ok::<(), SendError>(())
/// ```
#[derive(Clone)]
pub struct Headers {
    lines: Lines,
    strictness: Strictness,
}

impl Headers {
    /// No fields, strict values. Allocates nothing yet.
    pub const fn new() -> Self {
        Self::with_strictness(Strictness::Strict)
    }

    /// No fields, values as `strictness` says, when they come in and when they are sent.
    pub const fn with_strictness(strictness: Strictness) -> Self {
        Self { lines: Lines::EMPTY, strictness }
    }

    /// Sets the field `name` to one value. All lines of that name give way; the new one stands where the first of
    /// them stood, or last.
    ///
    /// # Errors
    /// [`BadFieldName`](SendError::BadFieldName), [`BadFieldValue`](SendError::BadFieldValue); the latter also where
    /// the section would pass 2 GiB.
    #[inline]
    pub fn set(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<(), SendError> {
        let (name, value) = (name.as_ref(), value.as_ref());
        self.check(name, value)?;
        match self.lines.position(name, 0) {
            None => self.lines.push(name, value),
            Some(at) => {
                self.lines.replace(at, name, value);
                if self.lines.position(name, at + 1).is_some() {
                    self.lines.retain(|i, n| i <= at || !n.eq_ignore_ascii_case(name));
                }
            }
        }
        Ok(())
    }

    /// Sets the field `name` to several lines of the same name, in order. No values remove it.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn set_values<V: AsRef<[u8]>>(
        &mut self,
        name: impl AsRef<[u8]>,
        values: impl IntoIterator<Item = V>,
    ) -> Result<(), SendError> {
        let name = name.as_ref();
        validate_name(name)?;
        let old = self.len();
        self.append_each(values.into_iter().map(|value| (name, value)))?;
        let new = self.len() - old;
        if let Some(first) = self.lines.position(name, 0).filter(|at| *at < old) {
            self.lines.retain(|i, n| i >= old || !n.eq_ignore_ascii_case(name));
            self.lines.move_last(new, first);
        }
        Ok(())
    }

    /// Adds a line after all others, whether there is one of that name or not.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    #[inline]
    pub fn append(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<(), SendError> {
        let (name, value) = (name.as_ref(), value.as_ref());
        self.check(name, value)?;
        self.lines.push(name, value);
        Ok(())
    }

    /// Sets every field of `other`, with all its lines; they go after what is there. Fields that `other` does not
    /// name stay.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn set_all<F: FieldSource + ?Sized>(&mut self, other: &F) -> Result<(), SendError> {
        let old = self.len();
        self.append_all(other)?;
        self.lines.retain(|i, n| i >= old || !other.fields().any(|(name, _)| name.eq_ignore_ascii_case(n)));
        Ok(())
    }

    /// Adds every line of `other` after what is there.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn append_all<F: FieldSource + ?Sized>(&mut self, other: &F) -> Result<(), SendError> {
        self.append_each(other.fields())
    }

    /// Removes all lines named `name`. Says whether there was one.
    pub fn remove(&mut self, name: impl AsRef<[u8]>) -> bool {
        let (name, old) = (name.as_ref(), self.len());
        self.lines.retain(|_, n| !n.eq_ignore_ascii_case(name));
        self.len() < old
    }

    /// Joins the lines of each of `names` to one, with `; ` between the values that are not empty (Node's `uniqueHeaders`). Joined and
    /// sent as such, `Set-Cookie` loses its meaning: name only fields that allow it.
    ///
    /// ```
    /// # use h1wire_proto::Headers;
    /// let mut headers = Headers::new();
    /// headers.set_values("X-Part", ["a", "b"])?;
    /// headers.join_lines(["x-part"]);
    /// assert_eq!(headers.get_all("X-Part").collect::<Vec<_>>(), [b"a; b"]);
    /// # Ok::<(), h1wire_proto::SendError>(())
    /// ```
    pub fn join_lines<N: AsRef<[u8]>>(&mut self, names: impl IntoIterator<Item = N>) {
        for name in names {
            self.lines.join(name.as_ref(), b"; ");
        }
    }

    /// Removes everything and keeps the memory for the next message. What that one may say is its own affair: values are
    /// [`Strict`](Strictness::Strict) again.
    pub fn clear(&mut self) {
        self.lines.clear();
        self.strictness = Strictness::Strict;
    }

    /// The value of the first line named `name`.
    #[inline]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.as_fields().get(name)
    }

    /// The values of all lines named `name`, in order.
    pub fn get_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.as_fields().get_all(name)
    }

    /// Whether a line named `name` is present.
    #[inline]
    pub fn has(&self, name: &str) -> bool {
        self.lines.position(name.as_bytes(), 0).is_some()
    }

    /// Every name once, in lower case, in the order of their first lines.
    pub fn names(&self) -> Vec<Cow<'_, [u8]>> {
        self.view().distinct().iter().map(|field| field.name()).collect()
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Every line in order, names in the case they were given.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.lines.iter()
    }

    /// The fields as a received section would show them.
    #[inline]
    pub fn as_fields(&self) -> Fields<'_, '_> {
        self.lines.as_fields()
    }

    /// These fields read by name, duplicates combined; [`View::distinct`] gives them all.
    pub fn view(&self) -> View<'_, Self> {
        View::new(self)
    }

    /// These fields, but where `own` names a field, `own` has the last word: what is given with `write_head` wins
    /// over what was set before. Copies nothing.
    ///
    /// ```
    /// # use h1wire_proto::{FieldSource, Headers};
    /// let mut set = Headers::new();
    /// set.set("a", "1")?;
    /// set.set("b", "2")?;
    /// let own = [("B", "3"), ("c", "4")];
    /// let sent = set.merged(&own);
    /// let lines: Vec<_> = sent.fields().map(|(n, v)| [n, v]).collect();
    /// assert_eq!(lines, [[&b"a"[..], b"1"], [b"B", b"3"], [b"c", b"4"]]);
    /// # Ok::<(), h1wire_proto::SendError>(())
    /// ```
    pub fn merged<'a, F: FieldSource + ?Sized>(&'a self, own: &'a F) -> Merged<'a, F> {
        Merged { set: self, own }
    }
}

impl<'a> IntoIterator for &'a Headers {
    type Item = (&'a [u8], &'a [u8]);
    type IntoIter = FieldsIter<'a, 'a>;
    fn into_iter(self) -> Self::IntoIter {
        self.as_fields().into_iter()
    }
}

impl Default for Headers {
    fn default() -> Self {
        Self::new()
    }
}

impl FieldSource for Headers {
    #[inline]
    fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.iter()
    }
    #[inline]
    fn strictness(&self) -> Strictness {
        self.strictness
    }
    // Every line was validated when it came in, and lies there as it is sent.
    #[inline]
    fn check(&self, checked: &mut Checked) -> Result<(), SendError> {
        if !self.lines.may_have(Checked::LENGTHS) {
            checked.len += self.lines.wire_len();
            return Ok(());
        }
        self.iter().try_for_each(|(name, value)| checked.valid(name, value))
    }
    #[inline]
    fn put<O: Out + ?Sized>(&self, out: &mut O, _: Encoder) {
        self.lines.wire(|lines| out.put(lines));
    }
}

impl core::fmt::Debug for Headers {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.as_fields().fmt(f)
    }
}

/// Equal when the same lines come in the same order, in the same case.
impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}
impl Eq for Headers {}

/// Two sections as one. Made by [`Headers::merged`].
#[derive(Debug)]
pub struct Merged<'a, F: ?Sized> {
    set: &'a Headers,
    own: &'a F,
}

impl<F: FieldSource + ?Sized> FieldSource for Merged<'_, F> {
    fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.left().chain(self.own.fields())
    }
    fn strictness(&self) -> Strictness {
        self.set.strictness.max(self.own.strictness())
    }
    // Each as strictly as it is alone.
    fn check(&self, checked: &mut Checked) -> Result<(), SendError> {
        self.left().try_for_each(|(name, value)| checked.valid(name, value))?;
        self.own.check(checked)
    }
}

impl<F: FieldSource + ?Sized> Merged<'_, F> {
    /// What was set and is not given again.
    fn left(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let own = |name: &[u8]| self.own.fields().any(|(n, _)| n.eq_ignore_ascii_case(name));
        self.set.iter().filter(move |(name, _)| !own(name))
    }
}

impl Headers {
    #[inline]
    fn check(&self, name: &[u8], value: &[u8]) -> Result<(), SendError> {
        validate_name(name)?;
        validate_field_value(name, value, self.strictness)?;
        // Nothing that is sent comes near the 2 GiB that the offsets can hold.
        if self.lines.has_room(name.len().saturating_add(value.len())) {
            Ok(())
        } else {
            Err(SendError::BadFieldValue(FieldName::new(name)))
        }
    }

    /// Adds every line, or none.
    fn append_each<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        &mut self,
        lines: impl Iterator<Item = (N, V)>,
    ) -> Result<(), SendError> {
        let old = self.len();
        for (name, value) in lines {
            if let Err(error) = self.append(name, value) {
                self.lines.truncate(old);
                return Err(error);
            }
        }
        Ok(())
    }
}
