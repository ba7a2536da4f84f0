//! What may not be sent, as an [`io::Error`], so that `?` works in functions that do IO.
//!
//! With the feature `std`, and nothing else of the standard library: here is a shape of errors, and no IO.

use std::io;

use crate::error::SendError;

/// Around the error, which is its source and can be downcast to. Of kind [`BrokenPipe`](io::ErrorKind::BrokenPipe) for
/// [`SendError::Poisoned`], of kind [`InvalidInput`](io::ErrorKind::InvalidInput) for what a caller did.
impl From<SendError> for io::Error {
    fn from(error: SendError) -> Self {
        let kind = match error {
            SendError::Poisoned => io::ErrorKind::BrokenPipe,
            _ => io::ErrorKind::InvalidInput,
        };
        Self::new(kind, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_not_be_sent_is_an_io_error_that_says_whose_fault_it_is() {
        let refused = io::Error::from(SendError::BadStatus);
        assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
        let inner = refused.get_ref().and_then(|inner| inner.downcast_ref::<SendError>());
        assert_eq!(inner, Some(&SendError::BadStatus));
        assert_eq!(io::Error::from(SendError::Poisoned).kind(), io::ErrorKind::BrokenPipe);
    }
}
