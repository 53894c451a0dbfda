//! A picture as an image, drawn from its SVG document, so that both show the same.

use std::sync::{Arc, OnceLock};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

/// The only font there is: an image is the same on every machine.
fn fonts() -> Arc<fontdb::Database> {
    static FONTS: OnceLock<Arc<fontdb::Database>> = OnceLock::new();
    let loaded = || {
        let mut fonts = fontdb::Database::new();
        fonts.load_font_data(dejavu::sans::regular().to_vec());
        Arc::new(fonts)
    };
    Arc::clone(FONTS.get_or_init(loaded))
}

/// The document as a PNG image, `scale` pixels to a CSS pixel.
pub(super) fn png(svg: &str, scale: f32) -> Result<Vec<u8>, String> {
    let options = Options { fontdb: fonts(), ..Options::default() };
    let tree = Tree::from_str(svg, &options).map_err(|error| error.to_string())?;
    let pixels = |side: f32| (side * scale).round() as u32;
    let size = tree.size();
    let mut image =
        Pixmap::new(pixels(size.width()), pixels(size.height())).ok_or("an image has a width and a height")?;
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut image.as_mut());
    image.encode_png().map_err(|error| error.to_string())
}
