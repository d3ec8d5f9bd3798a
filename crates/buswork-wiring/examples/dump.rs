fn main() {
    let mut args = std::env::args().skip(1);
    let root = std::path::PathBuf::from(args.next().unwrap());
    let paths: Vec<_> = args.map(std::path::PathBuf::from).collect();
    let t = std::time::Instant::now();
    let w = buswork_wiring::scan::scan(&root, &paths, &Default::default());
    eprintln!("{:?}", t.elapsed());
    println!("{}", serde_json::to_string_pretty(&w).unwrap());
}
