//! Files and directories behind a trait: the real ones, and faulty ones for tests.
