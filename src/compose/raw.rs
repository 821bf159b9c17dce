//! placeholder
use crate::mail::Unsendable;
pub(super) struct Raw {
    pub(super) subject: String,
}
impl Raw {
    pub(super) fn read(_: &[u8]) -> Result<Self, Unsendable> {
        Err(Unsendable::new("raw", "x"))
    }
    pub(super) fn write_rest(&self, _: &mut Vec<u8>) {}
}
