//! Broken lines for images: the drawing library begins the pattern of a broken line anew at each of its points, so that a
//! curve of many points would have no gaps. Here the line itself is broken.

use kuva::render::render::{Primitive, Scene};

/// The scene with every broken line as the pieces that are seen.
pub(super) fn broken(scene: &Scene) -> Scene {
    let mut out = Scene::new(scene.width, scene.height);
    out.background_color.clone_from(&scene.background_color);
    out.text_color.clone_from(&scene.text_color);
    out.font_family.clone_from(&scene.font_family);
    out.defs.clone_from(&scene.defs);
    for element in &scene.elements {
        match element {
            Primitive::PolyLine { points, stroke, stroke_width, stroke_dasharray: Some(pattern) } => {
                let lengths: Vec<f64> = pattern.split([' ', ',']).filter_map(|length| length.parse().ok()).collect();
                out.elements.extend(pieces(points, &lengths).into_iter().map(|points| Primitive::PolyLine {
                    points,
                    stroke: stroke.clone(),
                    stroke_width: *stroke_width,
                    stroke_dasharray: None,
                }));
            }
            other => out.elements.push(other.clone()),
        }
    }
    out
}

/// What a pen draws that is down for the first length, up for the second, and so on.
fn pieces(points: &[(f64, f64)], lengths: &[f64]) -> Vec<Vec<(f64, f64)>> {
    if lengths.is_empty() || lengths.iter().any(|length| *length <= 0.0 || !length.is_finite()) {
        return vec![points.to_vec()];
    }
    let (mut out, mut piece) = (Vec::new(), Vec::new());
    let (mut turn, mut left) = (0, lengths[0]);
    piece.extend(points.first().copied());
    for pair in points.windows(2) {
        let (mut from, to) = (pair[0], pair[1]);
        loop {
            let rest = f64::hypot(to.0 - from.0, to.1 - from.1);
            if !rest.is_finite() || rest < left {
                left -= if rest.is_finite() { rest } else { 0.0 };
                break;
            }
            let part = left / rest;
            from = (part.mul_add(to.0 - from.0, from.0), part.mul_add(to.1 - from.1, from.1));
            if turn % 2 == 0 {
                piece.push(from);
                out.push(std::mem::take(&mut piece));
            } else {
                piece.push(from);
            }
            turn += 1;
            left = lengths[turn % lengths.len()];
        }
        if turn % 2 == 0 {
            piece.push(to);
        }
    }
    out.extend((piece.len() > 1).then_some(piece));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_many_points_is_broken_as_one_of_two() {
        let far: Vec<(f64, f64)> = vec![(0.0, 0.0), (100.0, 0.0)];
        let near: Vec<(f64, f64)> = (0..=1_000).map(|k| (f64::from(k) / 10.0, 0.0)).collect();
        let seen = |points: &[(f64, f64)]| -> Vec<(f64, f64)> {
            let pieces = pieces(points, &[8.0, 4.0]);
            pieces.iter().map(|piece| (piece[0].0.round(), piece[piece.len() - 1].0.round())).collect()
        };
        assert_eq!(seen(&far), seen(&near));
        assert_eq!(&seen(&far)[..3], [(0.0, 8.0), (12.0, 20.0), (24.0, 32.0)]);
        assert_eq!(seen(&far).last(), Some(&(96.0, 100.0)));
    }
}
