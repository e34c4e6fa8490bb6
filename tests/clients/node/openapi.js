'use strict';
// @alicloud/openapi-client and its successor @alicloud/openapi-core: the generic client below the SDKs of all products.
// options.package names which of the two; options.signatureAlgorithm is "v2" for the older signature, else null.

const { run } = require('./calls');

function load(name) {
  const loaded = require(name);
  if (name === '@alicloud/openapi-client') {
    return { ...loaded, RuntimeOptions: require('@alicloud/tea-util').RuntimeOptions };
  }
  return { default: loaded.default, ...loaded.$OpenApiUtil, RuntimeOptions: require('@darabonba/typescript').RuntimeOptions };
}

run(
  ({ endpoint, credentials, options }) => {
    const { default: Unused, ...named } = load(options.package);
    const Client = require(options.package).default;
    const client = new Client(
      new named.Config({
        endpoint,
        protocol: 'http',
        accessKeyId: credentials.accessKeyId,
        accessKeySecret: credentials.accessKeySecret,
        securityToken: credentials.securityToken || undefined,
        signatureAlgorithm: options.signatureAlgorithm || undefined,
      }),
    );
    return async (call) => {
      // The values that the SDKs made for a product give.
      const params = new named.Params({
        action: call.action,
        version: call.version,
        protocol: 'HTTPS',
        pathname: call.path,
        method: call.method,
        authType: 'AK',
        style: 'RPC',
        reqBodyType: 'formData',
        bodyType: 'json',
      });
      const request = new named.OpenApiRequest({ query: call.parameters });
      const answer = await client.callApi(params, request, new named.RuntimeOptions({}));
      return { body: answer.body, status: answer.statusCode };
    };
  },
  (error) => ({
    status: error.statusCode,
    code: error.code,
    requestId: error.requestId || (error.data && error.data.RequestId),
    retryAfterMs: error.retryAfter,
  }),
);
