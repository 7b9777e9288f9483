// Which functions step: those that touch shared words, and all that call them.
import ts from 'typescript'

/** A function with a body. */
export type Callable =
  | ts.FunctionDeclaration
  | ts.MethodDeclaration
  | ts.GetAccessorDeclaration
  | ts.SetAccessorDeclaration
  | ts.ConstructorDeclaration
  | ts.ArrowFunction
  | ts.FunctionExpression

/**
 * What an expression does: `access` touches a word, `step` ends a step by name, `call` and `get` run a
 * stepped function, `dynamic` runs one that is known by its type only.
 */
export type Use =
  | { readonly kind: 'access' | 'step' | 'dynamic' }
  | { readonly kind: 'call' | 'get'; readonly target: Callable }

/** Something that cannot be made to step. */
export interface Problem {
  readonly node: ts.Node
  readonly what: string
}

/** What the analysis needs to know of the program. */
export interface Scope {
  readonly checker: ts.TypeChecker
  /** Files to be transformed. */
  readonly files: readonly ts.SourceFile[]
  readonly wordsType: ts.Type
  /** Files that are not transformed, and know steps: step() is theirs, and spawn(), which runs them. */
  readonly isEngine: (file: ts.SourceFile) => boolean
}

const ACCESSES = new Set(['load', 'store', 'read', 'write'])

export function isCallable(node: ts.Node): node is Callable {
  return (
    (ts.isFunctionDeclaration(node) ||
      ts.isMethodDeclaration(node) ||
      ts.isAccessor(node) ||
      ts.isConstructorDeclaration(node) ||
      ts.isArrowFunction(node) ||
      ts.isFunctionExpression(node)) &&
    node.body !== undefined
  )
}

/** Finds what steps, and remembers it for the rewriting. */
export class Analysis {
  readonly stepped = new Set<Callable>()
  readonly problems: Problem[] = []
  readonly #scope: Scope
  readonly #files: ReadonlySet<ts.SourceFile>
  readonly #callers = new Map<Callable, Set<Callable>>()
  readonly #uses = new Map<ts.Node, Use>()

  constructor(scope: Scope) {
    this.#scope = scope
    this.#files = new Set(scope.files)
    const first = new Set<Callable>()
    for (const file of scope.files) this.#visit(file, file, first)
    for (const one of first) this.#mark(one)
    for (const [node, use] of this.#uses) if (this.#isStepped(use)) this.#check(node)
  }

  /** What to do with an expression; undefined where it stays as it is. */
  useOf(node: ts.Node): Use | undefined {
    const use = this.#uses.get(node)
    return use !== undefined && this.#isStepped(use) ? use : undefined
  }

  /** Whether a callback is handed to code that is not transformed. */
  goesOutside(callback: ts.Node): boolean {
    const { parent } = callback
    if (!ts.isCallExpression(parent) && !ts.isNewExpression(parent)) return false
    if (parent.expression === callback) return false
    const declaration = this.#scope.checker.getResolvedSignature(parent)?.declaration
    const file = declaration?.getSourceFile()
    if (file === undefined) return true
    if (this.#scope.isEngine(file)) return ts.isCallExpression(parent) && !isSpawn(parent)
    return !this.#files.has(file)
  }

  /** Whether an argument names a function that steps, or may. */
  isSteppedFunction(argument: ts.Expression): boolean {
    const { checker } = this.#scope
    const type = checker.getNonNullableType(checker.getTypeAtLocation(argument))
    return type.getCallSignatures().some(({ declaration }) => {
      if (declaration === undefined || !this.#files.has(declaration.getSourceFile())) return false
      return !isCallable(declaration) || this.stepped.has(declaration)
    })
  }

  #isStepped(use: Use): boolean {
    return 'target' in use ? this.stepped.has(use.target) : true
  }

  #visit(node: ts.Node, inside: ts.Node, first: Set<Callable>): void {
    const use = this.#classify(node)
    if (use !== undefined) {
      this.#uses.set(node, use)
      if (isCallable(inside)) {
        if ('target' in use) this.#addCaller(use.target, inside)
        else first.add(inside)
      } else if (!('target' in use)) this.problems.push({ node, what: 'it runs at the top level' })
    }
    const next = isCallable(node) ? node : inside
    ts.forEachChild(node, (child) => {
      this.#visit(child, next, first)
    })
  }

  #addCaller(target: Callable, caller: Callable): void {
    const callers = this.#callers.get(target) ?? new Set()
    this.#callers.set(target, callers)
    callers.add(caller)
  }

  #mark(callable: Callable): void {
    if (this.stepped.has(callable)) return
    this.stepped.add(callable)
    for (const caller of this.#callers.get(callable) ?? []) this.#mark(caller)
    for (const relative of this.#relatives(callable)) this.#mark(relative)
  }

  // The same method in base and derived classes: a call of one may be a call of another.
  #relatives(callable: Callable): readonly Callable[] {
    if (!ts.isMethodDeclaration(callable) || !ts.isClassLike(callable.parent)) return []
    const name = callable.name.getText()
    if (name.startsWith('#')) return []
    return this.#family(callable.parent).flatMap((relative) =>
      relative.members.filter(
        (member) =>
          ts.isMethodDeclaration(member) && isCallable(member) && member.name.getText() === name,
      ),
    ) as Callable[]
  }

  #family(one: ts.ClassLikeDeclaration): readonly ts.ClassLikeDeclaration[] {
    const family: ts.ClassLikeDeclaration[] = []
    for (const file of this.#scope.files)
      for (const statement of file.statements)
        if (ts.isClassDeclaration(statement) && statement !== one)
          if (this.#extends(statement, one) || this.#extends(one, statement)) family.push(statement)
    return family
  }

  #extends(derived: ts.ClassLikeDeclaration, base: ts.ClassLikeDeclaration): boolean {
    for (let at = this.baseOf(derived); at !== undefined; at = this.baseOf(at))
      if (at === base) return true
    return false
  }

  /** The class that a class extends, where it is one of the program's. */
  baseOf(derived: ts.ClassLikeDeclaration): ts.ClassLikeDeclaration | undefined {
    const clause = derived.heritageClauses?.find(
      ({ token }) => token === ts.SyntaxKind.ExtendsKeyword,
    )
    const expression = clause?.types[0]?.expression
    return expression === undefined ? undefined : this.#classOf(expression)
  }

  #classOf(expression: ts.Expression): ts.ClassLikeDeclaration | undefined {
    return this.#symbolOf(expression)?.declarations?.find(ts.isClassLike)
  }

  #symbolOf(node: ts.Node): ts.Symbol | undefined {
    const symbol = this.#scope.checker.getSymbolAtLocation(node)
    const isAlias = symbol !== undefined && (symbol.flags & ts.SymbolFlags.Alias) !== 0
    return isAlias ? this.#scope.checker.getAliasedSymbol(symbol) : symbol
  }

  #classify(node: ts.Node): Use | undefined {
    if (ts.isCallExpression(node)) return this.#classifyCall(node)
    if (ts.isNewExpression(node)) return this.#classifyNew(node)
    if (ts.isPropertyAccessExpression(node)) return this.#classifyGet(node, node.name)
    if (ts.isBindingElement(node) && ts.isObjectBindingPattern(node.parent))
      return this.#classifyBinding(node)
    return undefined
  }

  #classifyCall(node: ts.CallExpression): Use | undefined {
    const callee = node.expression
    if (callee.kind === ts.SyntaxKind.SuperKeyword) return this.#classifySuper(node)
    if (callee.kind === ts.SyntaxKind.ImportKeyword) return undefined
    if (ts.isPropertyAccessExpression(callee) && ACCESSES.has(callee.name.text))
      if (this.#isWords(callee.expression)) return { kind: 'access' }
    const declaration = this.#scope.checker.getResolvedSignature(node)?.declaration
    if (declaration === undefined) return undefined
    const file = declaration.getSourceFile()
    if (this.#scope.isEngine(file))
      return ts.isFunctionDeclaration(declaration) && declaration.name?.text === 'step'
        ? { kind: 'step' }
        : undefined
    if (!this.#files.has(file)) return undefined
    if (isCallable(declaration)) return { kind: 'call', target: declaration }
    return { kind: 'dynamic' }
  }

  #isWords(expression: ts.Expression): boolean {
    const { checker, wordsType } = this.#scope
    const type = checker.getNonNullableType(checker.getTypeAtLocation(expression))
    if ((type.flags & ts.TypeFlags.Any) !== 0) return false
    return checker.isTypeAssignableTo(type, wordsType)
  }

  #classifySuper(node: ts.CallExpression): Use | undefined {
    const derived = ts.findAncestor(node, ts.isClassLike)
    const base = derived && this.baseOf(derived)
    const target = base && this.constructorOf(base)
    return target && { kind: 'call', target }
  }

  #classifyNew(node: ts.NewExpression): Use | undefined {
    // A variable may hold one of several classes: they step alike, or `$new` is missing at run time.
    const type = this.#scope.checker.getTypeAtLocation(node.expression)
    for (const one of type.isUnion() ? type.types : [type]) {
      const made = one.symbol?.declarations?.find(ts.isClassLike)
      if (made === undefined || !this.#files.has(made.getSourceFile())) continue
      const target = this.constructorOf(made)
      if (target !== undefined) return { kind: 'call', target }
    }
    return undefined
  }

  /** The constructor that runs for a class, its own or the next above it. */
  constructorOf(made: ts.ClassLikeDeclaration): ts.ConstructorDeclaration | undefined {
    const own = made.members.find(
      (member): member is ts.ConstructorDeclaration =>
        ts.isConstructorDeclaration(member) && member.body !== undefined,
    )
    const base = own === undefined ? this.baseOf(made) : undefined
    return own ?? (base && this.constructorOf(base))
  }

  #classifyGet(node: ts.PropertyAccessExpression, name: ts.Node): Use | undefined {
    const isAssigned =
      ts.isBinaryExpression(node.parent) &&
      node.parent.left === node &&
      node.parent.operatorToken.kind === ts.SyntaxKind.EqualsToken
    if (isAssigned) return undefined
    const target = this.#getter(this.#scope.checker.getSymbolAtLocation(name))
    return target && { kind: 'get', target }
  }

  #classifyBinding(node: ts.BindingElement): Use | undefined {
    const name = node.propertyName ?? node.name
    if (!ts.isIdentifier(name)) return undefined
    const type = this.#scope.checker.getTypeAtLocation(node.parent)
    const target = this.#getter(type.getProperty(name.text))
    return target && { kind: 'get', target }
  }

  #getter(symbol: ts.Symbol | undefined): Callable | undefined {
    const getter = symbol?.declarations?.find(ts.isGetAccessorDeclaration)
    const isOurs = getter?.body !== undefined && this.#files.has(getter.getSourceFile())
    return isOurs ? getter : undefined
  }

  // Where a yield is not allowed, or would not be seen.
  #check(node: ts.Node): void {
    const owner = ts.findAncestor(node.parent, (at) => isCallable(at) || ts.isClassElement(at))
    if (owner === undefined || !isCallable(owner)) {
      this.problems.push({
        node,
        what: 'it runs at the top level or in the initialiser of a field',
      })
      return
    }
    const parameter = ts.findAncestor(node, (at) => at === owner || ts.isParameter(at))
    if (parameter !== undefined && parameter !== owner)
      this.problems.push({ node, what: 'it runs in a parameter' })
    if (ts.isSetAccessor(owner)) this.problems.push({ node: owner, what: 'a setter cannot step' })
    const modifiers = ts.canHaveModifiers(owner) ? (ts.getModifiers(owner) ?? []) : []
    if (modifiers.some(({ kind }) => kind === ts.SyntaxKind.AsyncKeyword))
      this.problems.push({ node, what: 'an async function cannot step' })
    if ('asteriskToken' in owner && owner.asteriskToken !== undefined)
      this.problems.push({ node, what: 'a generator cannot step' })
  }
}

function isSpawn({ expression }: ts.CallExpression): boolean {
  return ts.isPropertyAccessExpression(expression) && expression.name.text === 'spawn'
}
