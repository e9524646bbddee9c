//! What policies tell updates: values of one key, given by one policy or several.

use super::{BlockError, Number};

/// The values that the policies of a block gave for one key, as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal<T>(Option<T>);

impl<T> Default for Signal<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Copy> Signal<T> {
    /// Takes the value of one more policy: `combine(values so far, value)`.
    ///
    /// # Errors
    /// If they cannot be combined.
    pub fn combine(&mut self, value: T, with: impl FnOnce(T, T) -> Result<T, BlockError>) -> Result<(), BlockError> {
        self.0 = Some(match self.0 {
            None => value,
            Some(so_far) => with(so_far, value)?,
        });
        Ok(())
    }

    /// Takes the value of the only policy that gives `key`.
    ///
    /// # Errors
    /// If another gave it.
    pub fn set(&mut self, key: &'static str, value: T) -> Result<(), BlockError> {
        self.combine(value, |_, _| Err(BlockError::SignalTwice(key)))
    }

    /// Replaces the value, if there is one: an operation on every signal.
    ///
    /// # Errors
    /// If the operation does not work out.
    pub fn map(&mut self, operation: impl FnOnce(T) -> Result<T, BlockError>) -> Result<(), BlockError> {
        self.0 = self.0.map(operation).transpose()?;
        Ok(())
    }

    /// The value, if a policy gave one.
    #[must_use]
    pub const fn get(&self) -> Option<T> {
        self.0
    }

    /// The value of `key`.
    ///
    /// # Errors
    /// If no policy gave one.
    pub fn need(&self, key: &'static str) -> Result<T, BlockError> {
        self.0.ok_or(BlockError::SignalMissing(key))
    }
}

impl<T: Number> Signal<T> {
    /// Takes the value of one more policy, and adds it to what the others gave: what cadCAD does where nothing else is
    /// said.
    ///
    /// # Errors
    /// If the sum is out of range.
    pub fn add(&mut self, value: T) -> Result<(), BlockError> {
        self.combine(value, |so_far, value| Ok(so_far.try_add(value)?))
    }
}
