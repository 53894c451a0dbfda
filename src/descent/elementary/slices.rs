//! Walking slices: one safe function of one value (or two), compiled once a path of [`Lanes`](crate::descent::Lanes), so
//! that the compiler makes vectors of it. It knows nothing of what the functions compute.
//!
//! The functions are free of branches and round nothing but by IEEE operations and `mul_add`; the copies therefore
//! differ in their instructions and in no bit. What is not a number gets one bit pattern, because the payload that an
//! instruction hands on depends on the order of its operands.

/// A number as it is; what is not a number as the one pattern.
#[inline(always)]
pub(super) fn settled(value: f64) -> f64 {
    if value.is_nan() { f64::NAN } else { value }
}

/// out ← function(arguments), over the shortest length. `function` is a path, not a value: a function that is handed
/// over as a value is called through a shim, and that is compiled without the instructions of the path. It must be
/// `#[inline(always)]` to become vectors.
macro_rules! each {
    ($function:path, $lanes:expr, ($($slice:ident),+), $out:ident) => {{
        #[inline(always)]
        fn walk($($slice: &[f64]),+, out: &mut [f64]) {
            let length = out.len()$(.min($slice.len()))+;
            $(let $slice = &$slice[..length];)+
            let out = &mut out[..length];
            for at in 0..length {
                out[at] = $crate::descent::elementary::slices::settled($function($($slice[at]),+));
            }
        }

        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma")]
        fn walk_avx2($($slice: &[f64]),+, out: &mut [f64]) {
            walk($($slice),+, out);
        }

        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f")]
        fn walk_avx512($($slice: &[f64]),+, out: &mut [f64]) {
            walk($($slice),+, out);
        }

        match $lanes.path() {
            #[cfg(target_arch = "x86_64")]
            $crate::descent::lanes::SimdPath::Avx512 => {
                // SAFETY: a `Lanes` of this path exists only where `available` found avx512f.
                #[expect(unsafe_code, reason = "calls the copy compiled for instructions found at run time")]
                unsafe { walk_avx512($($slice),+, $out) }
            }
            #[cfg(target_arch = "x86_64")]
            $crate::descent::lanes::SimdPath::Avx2 => {
                // SAFETY: a `Lanes` of this path exists only where `available` found avx2 and fma.
                #[expect(unsafe_code, reason = "calls the copy compiled for instructions found at run time")]
                unsafe { walk_avx2($($slice),+, $out) }
            }
            _ => walk($($slice),+, $out),
        }
    }};
}
pub(super) use each;
