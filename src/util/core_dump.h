#pragma once
// Core dump: none of ours. An image of this process would leave passwords of cameras and
// recordings of people lying on the disk.

// Forbid them, for this process and its children: the limit on core files is 0, hard and soft.
// It is inherited, and handlers that the kernel pipes images into (systemd-coredump) heed it.
// PR_SET_DUMPABLE is left alone: it would also hide the process from its own user's tools
// (/proc, perf, gdb). First thing in main().
void core_dump_forbid(void);
