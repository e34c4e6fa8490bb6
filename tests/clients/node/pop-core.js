'use strict';
// @alicloud/pop-core: the signature of version 1. options.method is GET (all in the query) or POST (all in the body).

const RPCClient = require('@alicloud/pop-core');

const { run } = require('./calls');

run(
  ({ endpoint, credentials, options }) => {
    return async (call) => {
      const client = new RPCClient(
        {
          endpoint: `http://${endpoint}`,
          apiVersion: call.version,
          accessKeyId: credentials.accessKeyId,
          accessKeySecret: credentials.accessKeySecret,
          securityToken: credentials.securityToken || undefined,
        },
        true, // returns status and headers too
      );
      const [body, { response }] = await client.request(call.action, call.parameters, { method: options.method });
      return { body, status: response.statusCode };
    };
  },
  (error) => ({
    status: error.entry && error.entry.response.statusCode,
    code: error.code,
    requestId: error.data && error.data.RequestId,
  }),
);
