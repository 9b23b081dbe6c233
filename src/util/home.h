#pragma once
// Home: the user's folder, whether or not the environment names it.
//
// Threads: main thread, before others start (the environment is read).

// $HOME when it is an absolute path; else the folder that the passwd entry of this process's
// user names, if there is one: services and containers are often started without HOME, and
// users without a home have an entry that names a folder which is none ("/nonexistent"). The
// caller frees it. NULL when neither says.
char *home_folder(void);
