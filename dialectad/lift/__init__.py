"""From LLVM IR back up: read it, optimise parts of a module with LLVM, recover structured control flow."""
