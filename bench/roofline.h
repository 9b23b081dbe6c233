#pragma once
// Roofline: what this machine's plain matrix product reaches, with the same oneDNN as the
// engine, and how fast it reads memory.
//
// Threads: main; OpenMP's for the work.

// Say {"onednn": version}, then for each line on standard input {"float32": {"512x512": GOPS,
// "512x2048": GOPS}, "int8": ..., "read": GB/s}, for 1500 rows (a full window) and
// what `base` has as weights; what the processor lacks is not there. Returns the exit code.
int roofline_serve(int threads);
