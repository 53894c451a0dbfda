//! The vector kernels: eight virtual lanes with fused multiply-add on every path, so that a dot product has the same
//! bits on AVX-512, on AVX2 and on a machine with neither. It knows nothing of models; it sees slices.
//!
//! Each kernel is written once, as a safe function over arrays of eight; the paths compile that same function with
//! other instructions. The safe function is also the portable path, and the twin that the tests compare with.

use std::sync::OnceLock;

/// A compiled variant of the kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SimdPath {
    /// No instruction beyond the build's baseline; fused multiply-add in software where the machine has none.
    Portable,
    /// AVX2 and FMA.
    Avx2,
    /// AVX-512F.
    Avx512,
}

impl SimdPath {
    /// All paths, slowest first.
    pub const ALL: [Self; 3] = [Self::Portable, Self::Avx2, Self::Avx512];

    /// The path's name in configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    /// Whether this machine has the instructions.
    pub fn available(self) -> bool {
        match self {
            Self::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => is_x86_feature_detected!("avx512f"),
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }
}

/// The kernels of one path. Only a path that this machine has can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lanes(SimdPath);

static CHOSEN: OnceLock<Lanes> = OnceLock::new();

impl Lanes {
    /// The kernels of this path, where the machine has it.
    pub fn of(path: SimdPath) -> Option<Self> {
        path.available().then_some(Self(path))
    }

    /// The path that the process uses: the forced one, or the fastest there is.
    pub fn chosen() -> Self {
        *CHOSEN.get_or_init(|| SimdPath::ALL.into_iter().rev().find_map(Self::of).unwrap_or(Self(SimdPath::Portable)))
    }

    /// Forces the process onto one path; false if the machine lacks it or another is already in use.
    pub fn force(path: SimdPath) -> bool {
        Self::of(path).is_some_and(|lanes| *CHOSEN.get_or_init(|| lanes) == lanes)
    }

    /// Which path this is.
    pub fn path(self) -> SimdPath {
        self.0
    }
}

/// Defines a kernel: the safe body, one compiled copy a path, and the method that picks the copy.
macro_rules! kernel {
    ($(#[$doc:meta])* fn $name:ident / $avx2:ident / $avx512:ident ($($arg:ident: $type:ty),*) $(-> $out:ty)? $body:block) => {
        #[inline(always)]
        fn $name($($arg: $type),*) $(-> $out)? $body

        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma")]
        fn $avx2($($arg: $type),*) $(-> $out)? {
            $name($($arg),*)
        }

        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f")]
        fn $avx512($($arg: $type),*) $(-> $out)? {
            $name($($arg),*)
        }

        impl Lanes {
            $(#[$doc])*
            #[inline]
            pub fn $name(self, $($arg: $type),*) $(-> $out)? {
                #[cfg(target_arch = "x86_64")]
                match self.0 {
                    SimdPath::Avx512 => {
                        // SAFETY: a `Lanes` of this path exists only where `available` found avx512f.
                        #[expect(unsafe_code, reason = "calls the copy compiled for instructions found at run time")]
                        return unsafe { $avx512($($arg),*) };
                    }
                    SimdPath::Avx2 => {
                        // SAFETY: a `Lanes` of this path exists only where `available` found avx2 and fma.
                        #[expect(unsafe_code, reason = "calls the copy compiled for instructions found at run time")]
                        return unsafe { $avx2($($arg),*) };
                    }
                    SimdPath::Portable => {}
                }
                $name($($arg),*)
            }
        }
    };
}

/// Adds the lanes in a fixed tree.
#[inline(always)]
fn reduce(lanes: [f64; 8]) -> f64 {
    ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]))
}

kernel! {
    /// Σ aᵢbᵢ over the shorter length.
    fn dot / dot_avx2 / dot_avx512 (a: &[f64], b: &[f64]) -> f64 {
        let n = a.len().min(b.len());
        let (a8, a_rest) = a[..n].as_chunks::<8>();
        let (b8, b_rest) = b[..n].as_chunks::<8>();
        let mut sums = [0.0; 8];
        for (x, y) in a8.iter().zip(b8) {
            for lane in 0..8 {
                sums[lane] = x[lane].mul_add(y[lane], sums[lane]);
            }
        }
        for (lane, (x, y)) in a_rest.iter().zip(b_rest).enumerate() {
            sums[lane] = x.mul_add(*y, sums[lane]);
        }
        reduce(sums)
    }
}

kernel! {
    /// Σ aᵢ.
    fn sum / sum_avx2 / sum_avx512 (a: &[f64]) -> f64 {
        let (a8, a_rest) = a.as_chunks::<8>();
        let mut sums = [0.0; 8];
        for x in a8 {
            for lane in 0..8 {
                sums[lane] += x[lane];
            }
        }
        for (lane, x) in a_rest.iter().enumerate() {
            sums[lane] += x;
        }
        reduce(sums)
    }
}

kernel! {
    /// Four dot products with one vector; each has the bits of [`Lanes::dot`]. All slices have the length of `a`.
    fn dot4 / dot4_avx2 / dot4_avx512 (a: &[f64], b: [&[f64]; 4]) -> [f64; 4] {
        let n = a.len();
        let b = [&b[0][..n], &b[1][..n], &b[2][..n], &b[3][..n]];
        let (a8, a_rest) = a.as_chunks::<8>();
        let chunks = b.map(|column| column.as_chunks::<8>());
        let mut sums = [[0.0; 8]; 4];
        for (at, x) in a8.iter().enumerate() {
            for column in 0..4 {
                let y = &chunks[column].0[at];
                for lane in 0..8 {
                    sums[column][lane] = x[lane].mul_add(y[lane], sums[column][lane]);
                }
            }
        }
        for (lane, x) in a_rest.iter().enumerate() {
            for column in 0..4 {
                sums[column][lane] = x.mul_add(chunks[column].1[lane], sums[column][lane]);
            }
        }
        sums.map(reduce)
    }
}

kernel! {
    /// y ← y + factor · x over the shorter length.
    fn axpy / axpy_avx2 / axpy_avx512 (factor: f64, x: &[f64], y: &mut [f64]) {
        for (to, from) in y.iter_mut().zip(x) {
            *to = factor.mul_add(*from, *to);
        }
    }
}

kernel! {
    /// Σ wᵢ|rᵢ|, over the shorter length.
    fn weighted_abs / weighted_abs_avx2 / weighted_abs_avx512 (w: &[f64], r: &[f64]) -> f64 {
        let n = w.len().min(r.len());
        let (w8, w_rest) = w[..n].as_chunks::<8>();
        let (r8, r_rest) = r[..n].as_chunks::<8>();
        let mut sums = [0.0; 8];
        for (x, y) in w8.iter().zip(r8) {
            for lane in 0..8 {
                sums[lane] = x[lane].mul_add(y[lane].abs(), sums[lane]);
            }
        }
        for (lane, (x, y)) in w_rest.iter().zip(r_rest).enumerate() {
            sums[lane] = x.mul_add(y.abs(), sums[lane]);
        }
        reduce(sums)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(seed: u64, count: usize) -> Vec<f64> {
        let mut state = seed;
        (0..count)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                ((state >> 11) as f64 / (1u64 << 53) as f64 - 0.5) * 1e3
            })
            .collect()
    }

    #[test]
    fn every_path_has_the_bits_of_the_portable_one() {
        let portable = Lanes(SimdPath::Portable);
        for path in SimdPath::ALL.into_iter().filter(|path| path.available()) {
            let lanes = Lanes(path);
            for length in [0, 1, 7, 8, 9, 63, 64, 1000, 1023] {
                let (a, b) = (numbers(1, length), numbers(2, length));
                assert_eq!(lanes.dot(&a, &b).to_bits(), portable.dot(&a, &b).to_bits(), "dot {path:?} {length}");
                assert_eq!(lanes.sum(&a).to_bits(), portable.sum(&a).to_bits(), "sum {path:?} {length}");
                let four = lanes.dot4(&a, [&b, &a, &b, &a]);
                assert_eq!(four[0].to_bits(), portable.dot(&a, &b).to_bits(), "dot4 {path:?} {length}");
                assert_eq!(four[3].to_bits(), portable.dot(&a, &a).to_bits(), "dot4 {path:?} {length}");
                assert_eq!(lanes.weighted_abs(&a, &b).to_bits(), portable.weighted_abs(&a, &b).to_bits());
                let (mut here, mut there) = (b.clone(), b.clone());
                lanes.axpy(0.37, &a, &mut here);
                portable.axpy(0.37, &a, &mut there);
                assert!(here.iter().zip(&there).all(|(x, y)| x.to_bits() == y.to_bits()), "axpy {path:?} {length}");
            }
        }
    }

    #[test]
    fn kernels_end_with_the_shorter_slice() {
        let lanes = Lanes::chosen();
        let (a, b) = (numbers(5, 40), numbers(6, 40));
        for length in 0..40 {
            assert_eq!(lanes.dot(&a[..length], &b).to_bits(), lanes.dot(&a[..length], &b[..length]).to_bits());
            assert_eq!(lanes.dot(&b, &a[..length]).to_bits(), lanes.dot(&a[..length], &b[..length]).to_bits());
            let whole = lanes.weighted_abs(&a[..length], &b[..length]).to_bits();
            assert_eq!(lanes.weighted_abs(&a[..length], &b).to_bits(), whole);
            assert_eq!(lanes.weighted_abs(&a, &b[..length]).to_bits(), whole);
            let mut changed = b.clone();
            lanes.axpy(2.0, &a[..length], &mut changed);
            assert_eq!(changed[length..], b[length..]);
        }
    }

    #[test]
    fn a_dot_product_is_the_sum_of_products() {
        let (a, b) = (numbers(3, 101), numbers(4, 101));
        let plain: f64 = a.iter().zip(&b).map(|(x, y)| x * y).sum();
        assert!((Lanes::chosen().dot(&a, &b) - plain).abs() <= 1e-12 * 101.0 * 1e6);
    }
}
