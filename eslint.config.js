import { builtinModules } from 'node:module';
import js from '@eslint/js';
import tseslint from 'typescript-eslint';

const nodeGlobals = [
  'AbortController',
  'AbortSignal',
  'Buffer',
  'URL',
  'clearInterval',
  'clearTimeout',
  'console',
  'fetch',
  'performance',
  'process',
  'setInterval',
  'setTimeout',
];

export default tseslint.config(
  { ignores: ['build*/', 'dist/', 'coverage/', 'node_modules/', 'vendor/', 'scratch*'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  {
    rules: {
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              regex: `^(${builtinModules.join('|')})$`,
              message:
                'Import built-in modules with the node: prefix, so that no package can take their place.',
            },
          ],
        },
      ],
    },
  },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/prefer-readonly': 'error',
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // Callers may be JavaScript: what a type promises is checked at the edge all the same.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      // An async method without await turns what it throws into a rejection, which is what its interface promises.
      '@typescript-eslint/require-await': 'off',
      // An interface of one signature is documented like any other.
      '@typescript-eslint/prefer-function-type': 'off',
    },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      // Chai's `expect(x).to.be.true` and environment variables put back.
      '@typescript-eslint/no-unused-expressions': 'off',
      '@typescript-eslint/no-dynamic-delete': 'off',
    },
  },
  {
    files: ['**/*.mjs', '**/*.js', '**/*.cjs'],
    languageOptions: { globals: Object.fromEntries(nodeGlobals.map((name) => [name, 'readonly'])) },
  },
  { files: ['**/*.cjs'], languageOptions: { sourceType: 'commonjs' } },
);
