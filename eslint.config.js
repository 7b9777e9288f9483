import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { defineConfig, globalIgnores } from 'eslint/config'
import tseslint from 'typescript-eslint'

const { zones, entryZones, coreLayers } = JSON.parse(
  readFileSync(join(import.meta.dirname, 'scripts/zones.json'), 'utf8'),
)

/** Forbids the relative imports that reach `names`, and every package that does not start with one of `packages`. */
function importRule({ zone, forbidden, packages }) {
  const allowed = packages.map((name) => name.replaceAll('.', '\\.')).join('|')
  const patterns = [
    {
      regex: allowed ? `^(?!\\.|${allowed})` : '^[^.]',
      message: `${zone} may import ${packages.join(', ') || 'no package and no node: module'}: see scripts/zones.json`,
    },
  ]
  if (forbidden.length > 0) {
    patterns.push({
      regex: `^(\\.\\.?/)+(${forbidden.join('|')})(\\.js$|/)`,
      message: `Import zones: ${zone} stands below or beside this. See scripts/zones.json`,
    })
  }
  return { 'no-restricted-imports': ['error', { patterns }] }
}

const zoneConfigs = Object.entries(zones).map(([zone, allowed]) => {
  const forbidden = Object.keys(zones).filter(
    (name) => name !== zone && !allowed.zones.includes(name),
  )
  return {
    files: [`src/${zone}/**/*.ts`],
    rules: importRule({ zone, forbidden, packages: allowed.packages }),
  }
})

// Inside core a layer may import itself and the layers before it.
const layerConfigs = coreLayers.flatMap((layer, index) => {
  const forbidden = [...Object.keys(zones), ...coreLayers.slice(index + 1).flat()].filter(
    (name) => name !== 'core',
  )
  return layer.map((name) => ({
    files: [`src/core/${name}/**/*.ts`, `src/core/${name}.ts`],
    rules: importRule({ zone: `core/${name}`, forbidden, packages: [] }),
  }))
})

/** The package must stay loadable by require(): one top-level await anywhere forbids it. */
const noTopLevelAwait = {
  meta: { type: 'problem', schema: [], messages: { found: 'No top-level await in src' } },
  create(context) {
    let depth = 0
    const report = (node) => depth === 0 && context.report({ node, messageId: 'found' })
    return {
      ':function': () => void depth++,
      ':function:exit': () => void depth--,
      AwaitExpression: report,
      'ForOfStatement[await=true]': report,
      'VariableDeclaration[kind="await using"]': report,
    }
  },
}

const syntax = [
  { selector: 'ExportDefaultDeclaration', message: 'Named exports only' },
  { selector: 'ExportAllDeclaration', message: 'Name what is exported' },
]

export default defineConfig(
  globalIgnores(['dist/', 'build/', 'prebuilds/', 'node_modules/']),
  tseslint.configs.strictTypeChecked,
  tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    plugins: { house: { rules: { 'no-top-level-await': noTopLevelAwait } } },
    rules: {
      eqeqeq: 'error',
      'no-restricted-syntax': ['error', ...syntax],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // A flag that was false before a call or an await may be true after it; the rule cannot see that.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      '@typescript-eslint/no-extraneous-class': ['error', { allowStaticOnly: true }],
      '@typescript-eslint/prefer-promise-reject-errors': [
        'error',
        { allowThrowingAny: true, allowThrowingUnknown: true },
      ],
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [
            { from: 'package', package: 'node:test', name: ['test', 'it', 'describe', 'suite'] },
          ],
        },
      ],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_' },
      ],
      // `words[index]!` on a bounds-checked typed array is clearer than a branch that cannot happen.
      '@typescript-eslint/no-non-null-assertion': 'off',
      // Hot paths walk arrays by index: no iterator.
      '@typescript-eslint/prefer-for-of': 'off',
      // An async function turns a throw into a rejection; that is a reason to be async without await.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/class-literal-property-style': 'off',
      '@typescript-eslint/no-empty-function': 'off',
      '@typescript-eslint/no-invalid-void-type': ['error', { allowAsThisParameter: true }],
    },
  },
  {
    files: ['src/**/*.ts'],
    rules: {
      'max-lines': ['error', 400],
      'max-lines-per-function': ['error', { max: 60, skipComments: true }],
      'max-params': 'off',
      '@typescript-eslint/max-params': ['error', { max: 4, countVoidThis: false }],
      'house/no-top-level-await': 'error',
      'no-console': 'error',
    },
  },
  ...zoneConfigs,
  ...layerConfigs,
  {
    files: ['src/*.ts'],
    rules: importRule({
      zone: 'index',
      forbidden: Object.keys(zones).filter((name) => !entryZones.includes(name)),
      packages: [],
    }),
  },
  {
    files: ['src/cli/**/*.ts'],
    rules: { 'no-console': 'off' },
  },
  {
    files: ['tests/**/*.ts'],
    rules: {
      // Tests hand over what the types forbid, and look at what nobody may rely on.
      '@typescript-eslint/no-unsafe-type-assertion': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  {
    files: ['examples/**'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ regex: '^(\\.\\.|#)', message: 'Examples import the public paths only' }] },
      ],
    },
  },
  {
    files: ['**/*.js', '**/*.mjs'],
    extends: [tseslint.configs.disableTypeChecked],
  },
  {
    // ESLint and node:test want a default export there.
    files: ['eslint.config.js', 'scripts/counts-reporter.mjs'],
    rules: { 'no-restricted-syntax': 'off' },
  },
)
