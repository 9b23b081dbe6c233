#include "util/folder_rig.h"

#include <ftw.h>
#include <stdio.h>

// Folders that nftw() has open at once.
#define FOLDERS_OPEN 8

static int entry_remove(const char *path, const struct stat *status, int type,
                        struct FTW *place) {
        (void)status;
        (void)type;
        (void)place;
        return remove(path);
}

void folder_rig_remove(const char *folder) {
        (void)nftw(folder, entry_remove, FOLDERS_OPEN, FTW_DEPTH | FTW_PHYS);
}
