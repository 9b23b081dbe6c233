#pragma once
// Process rig: what tests of child processes look at. Only in tests.
//
// Threads: any.

// File descriptors that this process has open, the one that counts them included.
unsigned rig_count_descriptors(void);
