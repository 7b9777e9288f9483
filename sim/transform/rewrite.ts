// Turns what steps into generators: every access to a word yields before it happens.
import ts from 'typescript'
import { isCallable, type Analysis, type Callable, type Problem } from './analysis.js'

/** How to rewrite. */
export interface RewriteOptions {
  /** Where the functions of engine/stepped.ts are, as an import of this file. */
  readonly runtime: (file: ts.SourceFile) => string
  /** What a file imports, as it is to be written. */
  readonly specifier: (file: ts.SourceFile, specifier: string) => string
  /** Callbacks of code that is not transformed run all their steps at once; otherwise they are problems. */
  readonly atomicCallbacks: boolean
  /** Fields that begin where the simulation wants, as `Class#field`. */
  readonly starts: ReadonlySet<string>
}

const NAMES = ['maybe', 'driven', 'untransformed', 'start'] as const
const INIT = '$init'
const NEW = '$new'

/** Makes the transformer of the files that step. */
export function rewriteSteps(
  analysis: Analysis,
  options: RewriteOptions,
): ts.TransformerFactory<ts.SourceFile> {
  return (context) => (file) => new Rewriter(analysis, options, { context, file }).run()
}

type ImportOrExport = ts.ImportDeclaration | ts.ExportDeclaration

/** Makes a file that does not step import from where the others are. */
export function rewriteImports(
  file: ts.SourceFile,
  { specifier }: RewriteOptions,
  { factory }: ts.TransformationContext,
): ts.SourceFile {
  const statements = file.statements.map((statement) =>
    ts.isImportDeclaration(statement) || ts.isExportDeclaration(statement)
      ? withSpecifier(statement, factory, (text) => specifier(file, text))
      : statement,
  )
  return factory.updateSourceFile(file, statements)
}

function withSpecifier(
  node: ImportOrExport,
  make: ts.NodeFactory,
  rename: (specifier: string) => string,
): ImportOrExport {
  const { moduleSpecifier } = node
  if (moduleSpecifier === undefined || !ts.isStringLiteral(moduleSpecifier)) return node
  const text = rename(moduleSpecifier.text)
  if (text === moduleSpecifier.text) return node
  const to = make.createStringLiteral(text)
  const { modifiers, attributes } = node
  return ts.isImportDeclaration(node)
    ? make.updateImportDeclaration(node, modifiers, node.importClause, to, attributes)
    : make.updateExportDeclaration(
        node,
        modifiers,
        node.isTypeOnly,
        node.exportClause,
        to,
        attributes,
      )
}

class Rewriter {
  readonly #analysis: Analysis
  readonly #options: RewriteOptions
  readonly #context: ts.TransformationContext
  readonly #file: ts.SourceFile
  readonly #make: ts.NodeFactory

  constructor(
    analysis: Analysis,
    options: RewriteOptions,
    { context, file }: { context: ts.TransformationContext; file: ts.SourceFile },
  ) {
    this.#analysis = analysis
    this.#options = options
    this.#context = context
    this.#file = file
    this.#make = context.factory
  }

  run(): ts.SourceFile {
    const make = this.#make
    const bindings = NAMES.map((name) =>
      make.createImportSpecifier(
        false,
        make.createIdentifier(name),
        make.createIdentifier(`$${name}`),
      ),
    )
    const runtime = make.createImportDeclaration(
      undefined,
      make.createImportClause(undefined, undefined, make.createNamedImports(bindings)),
      make.createStringLiteral(this.#options.runtime(this.#file)),
    )
    const file = ts.visitEachChild(this.#file, this.#visit, this.#context)
    return make.updateSourceFile(file, [runtime, ...file.statements])
  }

  readonly #visit = (node: ts.Node): ts.VisitResult<ts.Node | undefined> => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return this.#import(node)
    if (ts.isClassDeclaration(node)) return this.#class(node)
    if (ts.isPropertyDeclaration(node)) return this.#field(node)
    if (isCallable(node) && this.#analysis.stepped.has(node)) return this.#callable(node)
    if (ts.isIdentifier(node) || ts.isPropertyAccessExpression(node))
      if (this.#analysis.goesOutside(node) && this.#analysis.isSteppedFunction(node))
        return this.#handOut(node, node)
    if (ts.isVariableDeclarationList(node)) return this.#declarations(node)
    const use = this.#analysis.useOf(node)
    if (use === undefined) return this.#children(node)
    if (ts.isCallExpression(node)) return this.#call(node, use.kind)
    if (ts.isNewExpression(node)) return this.#new(node)
    if (ts.isPropertyAccessExpression(node)) return this.#get(node)
    this.#refuse(node, 'a stepped getter is taken apart here: read it as a property')
    return this.#children(node)
  }

  #children<T extends ts.Node>(node: T): T {
    return ts.visitEachChild(node, this.#visit, this.#context)
  }

  #expression(node: ts.Expression): ts.Expression {
    return this.#visit(node) as ts.Expression
  }

  #refuse(node: ts.Node, what: string): void {
    const problem: Problem = { node, what }
    this.#analysis.problems.push(problem)
  }

  #import(node: ImportOrExport): ts.Node {
    return withSpecifier(node, this.#make, (text) => this.#options.specifier(this.#file, text))
  }

  // ---- expressions

  #yieldAll(steps: ts.Expression): ts.Expression {
    const star = this.#make.createToken(ts.SyntaxKind.AsteriskToken)
    return this.#make.createParenthesizedExpression(this.#make.createYieldExpression(star, steps))
  }

  #yieldMaybe(result: ts.Expression): ts.Expression {
    const maybe = this.#make.createIdentifier('$maybe')
    return this.#yieldAll(this.#make.createCallExpression(maybe, undefined, [result]))
  }

  #pause(): ts.Expression {
    return this.#make.createYieldExpression(undefined, undefined)
  }

  #call(node: ts.CallExpression, kind: string): ts.Expression {
    if (kind === 'step') return this.#make.createParenthesizedExpression(this.#pause())
    if (node.expression.kind === ts.SyntaxKind.SuperKeyword) return this.#superCall(node)
    const call = this.#children(node)
    // The last argument: what the others yield comes before.
    if (kind === 'access') return this.#withArguments(call, [...call.arguments, this.#pause()])
    const isChain = ts.isOptionalChain(node)
    if (isChain && ts.isOptionalChain(node.parent) && node.parent.expression === node)
      this.#refuse(node, 'a stepped call in the middle of an optional chain')
    if (kind === 'dynamic' || isChain) return this.#yieldMaybe(call)
    return this.#yieldAll(call)
  }

  #withArguments(call: ts.CallExpression, list: readonly ts.Expression[]): ts.CallExpression {
    return ts.isCallChain(call)
      ? this.#make.updateCallChain(call, call.expression, call.questionDotToken, undefined, list)
      : this.#make.updateCallExpression(call, call.expression, undefined, list)
  }

  #superCall(node: ts.CallExpression): ts.Expression {
    const init = this.#make.createPropertyAccessExpression(this.#make.createSuper(), INIT)
    const list = node.arguments.map((one) => this.#expression(one))
    return this.#yieldAll(this.#make.createCallExpression(init, undefined, list))
  }

  #new(node: ts.NewExpression): ts.Expression {
    const callee = this.#make.createPropertyAccessExpression(this.#expression(node.expression), NEW)
    const list = (node.arguments ?? []).map((one) => this.#expression(one))
    return this.#yieldAll(this.#make.createCallExpression(callee, undefined, list))
  }

  #get(node: ts.PropertyAccessExpression): ts.Expression {
    const make = this.#make
    const { parent } = node
    const isTarget =
      (ts.isBinaryExpression(parent) &&
        parent.left === node &&
        isAssignment(parent.operatorToken)) ||
      ts.isPostfixUnaryExpression(parent) ||
      (ts.isPrefixUnaryExpression(parent) && isCounting(parent.operator))
    if (isTarget) this.#refuse(node, 'a stepped getter is read and written here at once')
    const object = this.#expression(node.expression)
    const name = getterName(make, node.name)
    if (!ts.isOptionalChain(node))
      return this.#yieldAll(
        make.createCallExpression(make.createPropertyAccessExpression(object, name), undefined, []),
      )
    if (ts.isOptionalChain(parent) && parent.expression === node)
      this.#refuse(node, 'a stepped getter in the middle of an optional chain')
    const access = make.createPropertyAccessChain(object, node.questionDotToken, name)
    return this.#yieldMaybe(make.createCallChain(access, undefined, undefined, []))
  }

  // `const { held, maxHeld } = view`: each in its turn, where one of them steps.
  #declarations(list: ts.VariableDeclarationList): ts.VariableDeclarationList {
    const declarations = list.declarations.flatMap(
      (one) => this.#takeApart(one) ?? this.#children(one),
    )
    return this.#make.updateVariableDeclarationList(list, declarations)
  }

  #takeApart(declaration: ts.VariableDeclaration): ts.VariableDeclaration[] | undefined {
    const { name: pattern, initializer } = declaration
    if (initializer === undefined || !ts.isObjectBindingPattern(pattern)) return undefined
    if (!pattern.elements.some((element) => this.#analysis.useOf(element) !== undefined))
      return undefined
    const make = this.#make
    const object = make.createUniqueName('object')
    const parts = pattern.elements.map((element) => {
      if (this.#analysis.useOf(element) === undefined) {
        if (element.dotDotDotToken !== undefined)
          this.#refuse(element, 'a rest beside a stepped getter')
        const alone = make.createObjectBindingPattern([this.#children(element)])
        return make.createVariableDeclaration(alone, undefined, undefined, object)
      }
      if (element.initializer !== undefined || !ts.isIdentifier(element.name))
        this.#refuse(element, 'a stepped getter with a default or a pattern')
      const from = (element.propertyName ?? element.name) as ts.Identifier
      const getter = make.createPropertyAccessExpression(object, getterName(make, from))
      const value = this.#yieldAll(make.createCallExpression(getter, undefined, []))
      return make.createVariableDeclaration(element.name, undefined, undefined, value)
    })
    const first = make.createVariableDeclaration(
      object,
      undefined,
      undefined,
      this.#expression(initializer),
    )
    return [first, ...parts]
  }

  // ---- functions

  #callable(node: Callable): ts.VisitResult<ts.Node> {
    const make = this.#make
    const star = make.createToken(ts.SyntaxKind.AsteriskToken)
    if (ts.isFunctionDeclaration(node)) {
      const { modifiers, name, parameters, body } = this.#children(node)
      return make.updateFunctionDeclaration(
        node,
        modifiers,
        star,
        name,
        undefined,
        parameters,
        undefined,
        body,
      )
    }
    if (ts.isMethodDeclaration(node)) {
      const { modifiers, name, parameters, body } = this.#children(node)
      return make.updateMethodDeclaration(
        node,
        modifiers,
        star,
        name,
        undefined,
        undefined,
        parameters,
        undefined,
        body,
      )
    }
    if (ts.isGetAccessor(node)) return this.#getter(node)
    if (ts.isConstructorDeclaration(node)) return this.#constructorParts(node)
    if (ts.isArrowFunction(node) || ts.isFunctionExpression(node)) return this.#callback(node)
    return this.#children(node)
  }

  #getter(node: ts.GetAccessorDeclaration): ts.ClassElement[] {
    const make = this.#make
    const star = make.createToken(ts.SyntaxKind.AsteriskToken)
    const { modifiers, body } = this.#children(node)
    const { name } = node
    if (!ts.isIdentifier(name) && !ts.isPrivateIdentifier(name)) {
      this.#refuse(node, 'a stepped getter without a plain name')
      return [node]
    }
    const method = make.createMethodDeclaration(
      modifiers,
      star,
      getterName(make, name),
      undefined,
      undefined,
      [],
      undefined,
      body,
    )
    if (ts.isPrivateIdentifier(name)) return [method]
    const trap = make.createCallExpression(make.createIdentifier('$untransformed'), undefined, [
      make.createStringLiteral(name.text),
    ])
    const block = make.createBlock([make.createReturnStatement(trap)])
    return [
      method,
      make.createGetAccessorDeclaration(
        undefined,
        make.createIdentifier(name.text),
        [],
        undefined,
        block,
      ),
    ]
  }

  // Fields are initialised by `new` without arguments; the rest of the constructor steps.
  #constructorParts(node: ts.ConstructorDeclaration): ts.ClassElement[] {
    const make = this.#make
    const star = make.createToken(ts.SyntaxKind.AsteriskToken)
    const { parameters, body } = this.#children(node)
    const init = make.createMethodDeclaration(
      undefined,
      star,
      INIT,
      undefined,
      undefined,
      parameters,
      undefined,
      body,
    )
    return [init]
  }

  #class(node: ts.ClassDeclaration): ts.ClassDeclaration {
    const make = this.#make
    const { modifiers, name, heritageClauses, members } = this.#children(node)
    const constructorNode = this.#analysis.constructorOf(node)
    const isStepped = constructorNode !== undefined && this.#analysis.stepped.has(constructorNode)
    const base = this.#analysis.baseOf(node)
    const baseConstructor = base && this.#analysis.constructorOf(base)
    if (isStepped && baseConstructor !== undefined && !this.#analysis.stepped.has(baseConstructor))
      if (baseConstructor.parameters.length > 0)
        this.#refuse(node, 'a stepped constructor under a base that is none and takes arguments')
    const all = isStepped && constructorNode.parent === node ? [...members, this.#maker()] : members
    return make.updateClassDeclaration(node, modifiers, name, undefined, heritageClauses, all)
  }

  // static *$new(...list) { const made = new this(); yield* made.$init(...list); return made }
  #maker(): ts.MethodDeclaration {
    const make = this.#make
    const list = make.createIdentifier('list')
    const made = make.createIdentifier('made')
    const rest = make.createParameterDeclaration(
      undefined,
      make.createToken(ts.SyntaxKind.DotDotDotToken),
      list,
    )
    const create = make.createVariableDeclaration(
      made,
      undefined,
      undefined,
      make.createNewExpression(make.createThis(), undefined, []),
    )
    const init = make.createCallExpression(
      make.createPropertyAccessExpression(made, INIT),
      undefined,
      [make.createSpreadElement(list)],
    )
    const body = make.createBlock(
      [
        make.createVariableStatement(
          undefined,
          make.createVariableDeclarationList([create], ts.NodeFlags.Const),
        ),
        make.createExpressionStatement(this.#yieldAll(init)),
        make.createReturnStatement(made),
      ],
      true,
    )
    return make.createMethodDeclaration(
      [make.createModifier(ts.SyntaxKind.StaticKeyword)],
      make.createToken(ts.SyntaxKind.AsteriskToken),
      NEW,
      undefined,
      undefined,
      [rest],
      undefined,
      body,
    )
  }

  #callback(node: ts.ArrowFunction | ts.FunctionExpression): ts.Expression {
    const make = this.#make
    const visited = this.#children(node)
    const body = ts.isBlock(visited.body)
      ? visited.body
      : make.createBlock([make.createReturnStatement(visited.body)])
    const steps = make.createFunctionExpression(
      undefined,
      make.createToken(ts.SyntaxKind.AsteriskToken),
      undefined,
      undefined,
      visited.parameters,
      undefined,
      body,
    )
    const usesThis = ts.isArrowFunction(node) && mentionsThis(node.body)
    const bound = usesThis
      ? make.createCallExpression(
          make.createPropertyAccessExpression(make.createParenthesizedExpression(steps), 'bind'),
          undefined,
          [make.createThis()],
        )
      : make.createParenthesizedExpression(steps)
    return this.#analysis.goesOutside(node) ? this.#handOut(node, bound) : bound
  }

  // Other code cannot step through a callback: it runs all steps at once, or is refused.
  #handOut(node: ts.Node, steps: ts.Expression): ts.Expression {
    if (!this.#options.atomicCallbacks)
      this.#refuse(node, 'a callback of code that is not transformed: write a loop')
    const driven = this.#make.createIdentifier('$driven')
    return this.#make.createCallExpression(driven, undefined, [steps])
  }

  #field(node: ts.PropertyDeclaration): ts.PropertyDeclaration {
    const visited = this.#children(node)
    if (!ts.isClassDeclaration(node.parent) || node.initializer === undefined) return visited
    const field = `${node.parent.name?.text ?? ''}${node.name.getText()}`
    if (!this.#options.starts.has(field)) return visited
    const make = this.#make
    const value = make.createCallExpression(make.createIdentifier('$start'), undefined, [
      make.createStringLiteral(field),
      node.initializer,
    ])
    return make.updatePropertyDeclaration(
      visited,
      visited.modifiers,
      visited.name,
      undefined,
      undefined,
      value,
    )
  }
}

function getterName(
  make: ts.NodeFactory,
  name: ts.Identifier | ts.PrivateIdentifier,
): ts.Identifier | ts.PrivateIdentifier {
  return ts.isPrivateIdentifier(name)
    ? make.createPrivateIdentifier(`#$get_${name.text.slice(1)}`)
    : make.createIdentifier(`$get_${name.text}`)
}

function isAssignment({ kind }: ts.BinaryOperatorToken): boolean {
  return kind >= ts.SyntaxKind.FirstAssignment && kind <= ts.SyntaxKind.LastAssignment
}

function isCounting(operator: ts.PrefixUnaryOperator): boolean {
  return operator === ts.SyntaxKind.PlusPlusToken || operator === ts.SyntaxKind.MinusMinusToken
}

function mentionsThis(node: ts.Node): boolean {
  if (node.kind === ts.SyntaxKind.ThisKeyword || node.kind === ts.SyntaxKind.SuperKeyword)
    return true
  if (ts.isFunctionExpression(node) || ts.isFunctionDeclaration(node) || ts.isClassLike(node))
    return false
  return ts.forEachChild(node, mentionsThis) ?? false
}
