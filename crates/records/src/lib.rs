//! Record batches of format 2: view, validate, iterate, build and compress with bounds.
