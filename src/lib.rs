//! xdoctor
