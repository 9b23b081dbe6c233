#include "server/encryption.h"

#include <time.h>

#include "net/tls_identity.h"
#include "util/log.h"

// A certificate that ends so soon is worth a warning: nobody has renewed it.
#define EXPIRY_SOON ((int64_t)7 * 24 * 3600)

static void expiry_log(int64_t expiry, int64_t now) {
        time_t time = (time_t)expiry;
        struct tm broken_down;
        char date[32];

        gmtime_r(&time, &broken_down);
        strftime(date, sizeof(date), "%Y-%m-%d %H:%M UTC", &broken_down);
        if (expiry - now < EXPIRY_SOON)
                log_warning("server", "certificate-ends",
                            "the certificate ends on %s; renew it, and then send SIGHUP", date);
        else
                log_info("server", "certificate",
                         "new connections get the certificate that "
                         "ends on %s",
                         date);
}

int encryption_set(struct listener *listener, struct loop *loop, const struct config *config,
                   struct error *error) {
        int64_t now = loop_wall(loop) / NSEC_PER_SEC;
        struct tls_identity *identity;
        int r;

        if (!config->tls.certificate) {
                if (listener_identity(listener))
                        log_warning("server", "encryption-ended",
                                    "the configuration has no tls.certificate any more: new "
                                    "connections are not encrypted");
                listener_encrypt(listener, NULL);
                return 0;
        }
        r = tls_identity_load(&identity, config->tls.certificate, config->tls.key, now, error);
        if (r < 0) {
                error_prefix(error, "tls");
                return r;
        }
        listener_encrypt(listener, identity);
        expiry_log(tls_identity_expiry(identity), now);
        return 0;
}

int64_t encryption_expiry(const struct listener *listener) {
        const struct tls_identity *identity = listener_identity(listener);

        return identity ? tls_identity_expiry(identity) : 0;
}
