//! Makes the exchanges of the whole-pass benchmark, and checks what a pass made of them.
//!
//!     workload make DIR --contacts N [--seed S] [--rate 0.01] [--conflicts 0.001] [--edges 0.0005] [--inc K]
//!     workload check WANT GOT [--bytes]
//!     workload json-lines FROM TO
//!
//! `make` writes `DIR/base`, the exports after the last pass, `DIR/current`, the exports now, and `DIR/expected`, what a pass makes of
//! them; with `--inc K` nothing differs but K linked records, on one side each.

mod check;
mod csv;
mod json_lines;
mod make;
mod random;
mod tables;
mod world;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use check::Likeness;
use world::World;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

/// Whether all is well.
fn run(arguments: &[&str]) -> Result<bool, Box<dyn Error>> {
    match arguments {
        ["make", out, options @ ..] => {
            let world = asked(options)?;
            let (cells, conflicts) = make::make(&world, Path::new(out))?;
            println!(
                "{} contacts: a pass writes {cells} cells and meets {conflicts} conflicts",
                world.n
            );
            Ok(true)
        }
        ["check", want, got] => Ok(check::check(
            Path::new(want),
            Path::new(got),
            Likeness::Cells,
        )?),
        ["check", want, got, "--bytes"] => Ok(check::check(
            Path::new(want),
            Path::new(got),
            Likeness::Bytes,
        )?),
        ["json-lines", from, to] => {
            json_lines::convert(Path::new(from), Path::new(to))?;
            Ok(true)
        }
        _ => Err("make DIR --contacts N | check WANT GOT [--bytes] | json-lines FROM TO".into()),
    }
}

fn asked(options: &[&str]) -> Result<World, Box<dyn Error>> {
    let mut world = World {
        seed: 1,
        n: 10_000,
        inserts: 0,
        rate: 0.01,
        conflicts: 0.001,
        edges: 0.0005,
        inc: 0,
    };
    for option in options.chunks(2) {
        match option {
            ["--contacts", value] => world.n = value.parse()?,
            ["--seed", value] => world.seed = value.parse()?,
            ["--rate", value] => world.rate = value.parse()?,
            ["--conflicts", value] => world.conflicts = value.parse()?,
            ["--edges", value] => world.edges = value.parse()?,
            ["--inc", value] => world.inc = value.parse()?,
            _ => return Err(format!("what is {}?", option.join(" ")).into()),
        }
    }
    // Even without edges, one contact of each way to be new comes.
    world.inserts = match world.inc {
        0 => ((world.n as f64 * world.edges) as u64).max(4),
        _ => 0,
    };
    Ok(world)
}
