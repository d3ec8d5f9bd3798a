fn main() {
    let mut args = std::env::args().skip(1);
    let root = std::path::PathBuf::from(args.next().unwrap());
    let paths: Vec<_> = args.map(std::path::PathBuf::from).collect();
    let t = std::time::Instant::now();
    let w = buswork_wiring::scan::scan_with(&root, &paths, &Default::default(), &buswork_wiring::scan::Options { threads: std::env::var("T").map_or(0, |t| t.parse().unwrap()), cache: std::env::var("C").ok().map(Into::into), ..Default::default() });
    eprintln!("{:?}", t.elapsed());
    println!("{}", serde_json::to_string_pretty(&w).unwrap());
}
