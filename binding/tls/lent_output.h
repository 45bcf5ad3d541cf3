/* Memory of the caller's for the records that s2n-tls makes of one call's data. By itself s2n keeps
 * a buffer of one record for each connection, hands over one record at a time, and whoever gathers
 * them copies each. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct s2n_connection;

#ifdef __cplusplus
extern "C" {
#endif

/* Until it is taken back, records are made there one after the other, and handed over when all data
 * is taken or the next would not fit. False: not now. */
bool s2n_pkey_lend_output(struct s2n_connection* connection, uint8_t* memory, uint32_t size);

void s2n_pkey_take_output_back(struct s2n_connection* connection);

#ifdef __cplusplus
}
#endif
