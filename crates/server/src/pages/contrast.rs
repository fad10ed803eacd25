//! (tests) The colours of the style sheet, held to what people can tell apart (WCAG 2.2, 1.4.3 and 1.4.11).

use std::collections::HashMap;

const CSS: &str = include_str!("../../static/wharf.css");

/// The colours of a scheme, by name.
fn colours(block: &str) -> HashMap<&str, [f64; 3]> {
    let lines = block.lines().filter_map(|line| line.trim().strip_prefix("--")?.strip_suffix(';')?.split_once(": #"));
    lines.map(|(name, hex)| (name, channels(hex))).collect()
}

fn channels(hex: &str) -> [f64; 3] {
    let doubled: String = hex.chars().flat_map(|one| [one, one]).collect();
    let hex = if hex.len() == 3 { &doubled } else { hex };
    [0, 2, 4].map(|at| f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap_or(0)) / 255.0)
}

fn luminance(colour: [f64; 3]) -> f64 {
    let [red, green, blue] =
        colour.map(|part| if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

fn contrast(one: [f64; 3], other: [f64; 3]) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn both_schemes_can_be_read() {
    let blocks: Vec<&str> = CSS.split(":root {").skip(1).filter_map(|rest| rest.split('}').next()).collect();
    assert_eq!(blocks.len(), 2, "light and dark");
    for (scheme, block) in ["light", "dark"].iter().zip(blocks) {
        let colours = colours(block);
        let check = |one: &str, other: &str, least: f64| {
            let found = contrast(colours[one], colours[other]);
            assert!(found >= least, "{scheme}: {one} on {other} is {found:.2}");
        };
        for ground in ["paper", "sunk", "tint"] {
            ["ink", "accent"].iter().for_each(|text| check(text, ground, 4.5));
        }
        for ground in ["paper", "sunk"] {
            check("soft", ground, 4.5);
        }
        for ground in ["paper", "tint"] {
            ["plus", "minus", "warn"].iter().for_each(|text| check(text, ground, 4.5));
        }
        check("warn", "warn-tint", 4.5);
        check("warn", "paper", 4.5);
        check("on-accent", "accent", 4.5);
        check("edge", "paper", 3.0);
        check("accent", "paper", 3.0);
    }
}
