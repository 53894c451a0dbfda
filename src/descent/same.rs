//! Equality of floats where it is meant exactly: a value that was put on an end, a class that is a whole number.

/// Whether both are the same number; 0 and −0 are, what is not a number never is.
pub(super) fn same(x: f64, y: f64) -> bool {
    x <= y && y <= x
}
