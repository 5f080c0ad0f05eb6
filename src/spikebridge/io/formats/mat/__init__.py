"""Parts of the MATLAB readers: files of every version, and paths in them."""
