#include "server/local.h"

#include "auth/visitors.h"
#include "util/folder.h"
#include "util/log.h"
#include "util/mem.h"

// NOLINTNEXTLINE(readability-non-const-parameter): the listener's type of it
static char *local_admit(void *context, struct http_request *request, int *ret_status) {
        (void)context;
        (void)ret_status;
        return visitors_admit_local(request);
}

struct listener *local_listen(struct loop *loop, const struct config *config,
                              const struct listener_handler *handler) {
        CLEANUP(mem_freep) char *runtime = config_runtime_socket();
        CLEANUP(mem_freep) char *state = config_state_socket(config);
        CLEANUP(mem_freep) char *folder = config_state_dir(config);
        const char *path = runtime;
        struct listener_handler ours = *handler;
        struct listener *listener;
        struct error first = {0}, second = {0};

        ours.admit = local_admit;
        if (!runtime ||
            listener_open_local(&listener, loop, path, LOCAL_GROUP, &ours, &first) < 0) {
                path = state;
                (void)folder_make(folder);  // what is wrong with it, listening tells
                if (listener_open_local(&listener, loop, path, LOCAL_GROUP, &ours, &second) <
                    0) {
                        log_warning("server", "no-local-socket",
                                    "no unix socket for programs on this machine, such as "
                                    "eavesdrop forget: %s%s%s",
                                    first.text, first.code ? "; " : "", second.text);
                        return NULL;
                }
        }
        log_info("server", "local-socket", "programs on this machine reach the server at %s",
                 path);
        return listener;
}
