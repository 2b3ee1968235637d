/*! \file mgw_pool.h
 * The media gateways we may use. One is enough today; who needs an endpoint asks the pool all the same. */
/* SPDX-License-Identifier: AGPL-3.0-or-later
 * Copyright (C) 2026 the osmo-sipgw authors */
#pragma once

#include <osmocom/sipgw/mgcp/mgw.h>

struct mgw_pool;

struct mgw_pool *mgw_pool_alloc(void *ctx);
struct mgw *mgw_pool_add(struct mgw_pool *pool, const char *name);	/*!< the existing one if there is one of that name */
void mgw_pool_remove(struct mgw_pool *pool, const char *name);		/*!< its endpoints report FAILED */
struct mgw *mgw_pool_find(const struct mgw_pool *pool, const char *name);
struct mgw *mgw_pool_pick(const struct mgw_pool *pool);			/*!< an UP one with the fewest endpoints in use; NULL if none is up */
struct mgw *mgw_pool_next(const struct mgw_pool *pool, const struct mgw *prev); /*!< iterate: NULL gives the first */
void mgw_pool_set_probing(struct mgw_pool *pool, bool on);		/*!< mgw_set_probing() of all of them */
void mgw_pool_start(struct mgw_pool *pool);
void mgw_pool_stop(struct mgw_pool *pool);
