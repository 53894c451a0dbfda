//! What is written is read back to the bit, and no flipped bit or cut end goes unseen.

use super::*;

type Refuses = fn(&[u8]) -> bool;

fn block() -> HistoryBlock {
    let mut block = HistoryBlock::new(2, 4);
    block.push(0, 1.5, -0.0, &[f64::MIN_POSITIVE, 0.1]);
    block.push(4, 5e-324, f64::MAX, &[-1.0, 2.0]);
    block
}

fn state() -> StoredCheckpoint {
    StoredCheckpoint {
        numerics_version: 7,
        iteration: 42,
        elapsed_seconds: 0.25,
        floats: vec![("theta".into(), vec![0.1, -0.0]), ("velocity".into(), vec![])],
        integers: vec![("stream".into(), vec![u64::MAX])],
    }
}

fn sealed_dataset(data: &Dataset) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_dataset(&mut bytes, data).unwrap();
    bytes
}

#[test]
fn binary_forms_come_back() {
    assert_eq!(read_history(&history(&block())).unwrap(), block());
    assert_eq!(read_checkpoint(&checkpoint(&state())).unwrap(), state());
    let band = PredictionBand { factor: vec![1.0, 2.0], residual_standard_deviation: 0.5, degrees_of_freedom: 3.0 };
    for band in [None, Some(band)] {
        let value = Predictor {
            basis: vec![("shift".into(), vec![1.0])],
            coefficients: vec![0.1, 0.2],
            levels: vec![("c".into(), vec!["u".into(), "v".into()])],
            classes: vec![Label::Number(0.5), Label::Text("a".into())],
            band,
        };
        assert_eq!(read_predictor(&predictor(&value)).unwrap(), value);
    }
}

#[test]
fn a_dataset_of_several_pieces_comes_back() {
    let values: Vec<f64> = (0..PIECE_VALUES * 2 + 3).map(|row| row as f64 * 0.1).collect();
    let data = Dataset::new(vec![("x".into(), values.clone()), ("größe".into(), values)]).unwrap();
    let bytes = sealed_dataset(&data);
    assert_eq!(bytes.len(), dataset_bytes(&data));
    assert_eq!(read_dataset(bytes.as_slice(), bytes.len() as u64).unwrap(), data);
}

#[test]
fn every_flipped_byte_and_every_cut_is_found() {
    let data = Dataset::new(vec![("x".into(), vec![1.0, 2.0]), ("y".into(), vec![3.0, 4.0])]).unwrap();
    let forms: [(Vec<u8>, Refuses); 4] = [
        (history(&block()), |bytes| read_history(bytes).is_err()),
        (checkpoint(&state()), |bytes| read_checkpoint(bytes).is_err()),
        (sealed_dataset(&data), |bytes| read_dataset(bytes, bytes.len() as u64).is_err()),
        (document("list", &[1, 2, 3]).unwrap(), |bytes| read_document::<Vec<u8>>("list", bytes).is_err()),
    ];
    for (bytes, refused) in forms {
        assert!(!refused(&bytes));
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x10;
            assert!(refused(&flipped), "byte {at}");
            assert!(refused(&bytes[..at]), "cut at {at}");
        }
    }
}
