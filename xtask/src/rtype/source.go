// Answers questions about the sources of the Go toolchain that it is built with, for the GOARCH in its environment.
//
// Reads one question a line from standard input and writes one answer a line, so that whoever asks can pair them:
//
//	field PKG.STRUCT PATH  ->  OFFSET <tab> TYPE
//	size  PKG.TYPE         ->  BYTES
//	const PKG.NAME         ->  VALUE
//	func  PKG.NAME         ->  SIGNATURE
//	users PKG.FUNC         ->  the functions of its package that name it, sorted, separated by tabs
//	users PKG.STRUCT FIELD ->  the functions of its package that name such a field
//	array PKG.NAME         ->  the strings of a composite literal, by index, separated by tabs
//
// An answer that starts with "!" says what is missing. Packages are type-checked from source, so nothing needs to be
// linked in, exported or kept by the compiler to be found.
package main

import (
	"bufio"
	"fmt"
	"go/ast"
	"go/build"
	"go/constant"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
)

var (
	files    = token.NewFileSet()
	sources  = importer.ForCompiler(files, "source", nil)
	packages = map[string]*types.Package{}
)

func main() {
	questions := bufio.NewScanner(os.Stdin)
	for questions.Scan() {
		fmt.Println(answer(strings.Fields(questions.Text())))
	}
}

func answer(q []string) string {
	if len(q) < 2 {
		return "! no question"
	}
	object, err := lookup(q[1])
	if err != nil {
		return "! " + err.Error()
	}
	switch q[0] {
	case "field":
		return field(object.Type(), q[2])
	case "size":
		return fmt.Sprint(gc{}.Sizeof(object.Type()))
	case "func":
		return describe(object.Type())
	case "const":
		if c, ok := object.(*types.Const); ok {
			return c.Val().ExactString()
		}
		return "! not a constant"
	case "users":
		if len(q) > 2 {
			return users(object, func(body *ast.BlockStmt) bool { return selects(body, q[2]) })
		}
		return users(object, func(body *ast.BlockStmt) bool { return names(body, object.Name()) })
	case "array":
		return array(object)
	}
	return "! no such question"
}

// lookup finds PKG.NAME, where PKG is an import path.
func lookup(name string) (types.Object, error) {
	dot := strings.LastIndex(name, ".")
	if dot < 0 {
		return nil, fmt.Errorf("no package in %s", name)
	}
	path := name[:dot]
	if packages[path] == nil {
		pkg, err := sources.Import(path)
		if err != nil {
			return nil, fmt.Errorf("no package %s", path)
		}
		packages[path] = pkg
	}
	if object := packages[path].Scope().Lookup(name[dot+1:]); object != nil {
		return object, nil
	}
	return nil, fmt.Errorf("no %s", name)
}

// field follows a dotted path; its first steps may go through embedded structs by their names.
func field(t types.Type, path string) string {
	offset := int64(0)
	for _, step := range strings.Split(path, ".") {
		s, ok := t.Underlying().(*types.Struct)
		if !ok {
			return "! not a struct before " + step
		}
		i, fields := -1, members(s)
		for n, f := range fields {
			if f.Name() == step {
				i = n
			}
		}
		if i < 0 {
			return "! no field " + step
		}
		offset += gc{}.Offsetsof(fields)[i]
		t = fields[i].Type()
	}
	return fmt.Sprintf("%d\t%s", offset, describe(t))
}

func describe(t types.Type) string { return types.TypeString(t, (*types.Package).Path) }

// array evaluates a package variable that is written as [...]string{constant: "text", …}.
func array(object types.Object) string {
	literal := initializer(object)
	if literal == nil {
		return "! not written as a composite literal"
	}
	var texts []string
	next := int64(0)
	for _, e := range literal.Elts {
		value := e
		if pair, ok := e.(*ast.KeyValueExpr); ok {
			key, ok := object.Pkg().Scope().Lookup(fmt.Sprint(pair.Key)).(*types.Const)
			if !ok {
				return "! an index is no constant"
			}
			next, _ = constant.Int64Val(key.Val())
			value = pair.Value
		}
		text, ok := value.(*ast.BasicLit)
		if !ok {
			return "! an element is no literal"
		}
		for int64(len(texts)) <= next {
			texts = append(texts, "")
		}
		texts[next], _ = strconv.Unquote(text.Value)
		next++
	}
	return strings.Join(texts, "\t")
}

// users finds the functions in the package of an object whose bodies use it.
func users(object types.Object, uses func(*ast.BlockStmt) bool) string {
	pkg, err := build.Default.ImportDir(filepath.Join(build.Default.GOROOT, "src", object.Pkg().Path()), 0)
	if err != nil {
		return "! " + err.Error()
	}
	var found []string
	for _, name := range pkg.GoFiles {
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(pkg.Dir, name), nil, 0)
		if err != nil {
			return "! " + err.Error()
		}
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Body != nil && uses(f.Body) {
				found = append(found, f.Name.Name)
			}
		}
	}
	sort.Strings(found)
	return strings.Join(found, "\t")
}

// selects tells whether a body has `x.FIELD` in it, whatever it does with that.
func selects(body *ast.BlockStmt, field string) (yes bool) {
	ast.Inspect(body, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		yes = yes || ok && selector.Sel.Name == field
		return true
	})
	return yes
}

// names tells whether a body has the name of a function in it.
func names(body *ast.BlockStmt, name string) (yes bool) {
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr: // a field or method, or another package's
			yes = yes || names(&ast.BlockStmt{List: []ast.Stmt{&ast.ExprStmt{X: n.X}}}, name)
			return false
		case *ast.Ident:
			yes = yes || n.Name == name
		}
		return true
	})
	return yes
}

func initializer(object types.Object) (found *ast.CompositeLit) {
	name := filepath.Join(build.Default.GOROOT, "src", object.Pkg().Path(), filepath.Base(files.Position(object.Pos()).Filename))
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
	if err != nil {
		return nil
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && spec.Names[0].Name == object.Name() && len(spec.Values) == 1 {
			found, _ = spec.Values[0].(*ast.CompositeLit)
		}
		return found == nil
	})
	return found
}

// gc is the compiler's own layout on 64-bit machines. Before Go 1.21 the library's leaves structs unpadded at the end.
type gc struct{}

func (gc) Alignof(t types.Type) int64 {
	switch u := t.Underlying().(type) {
	case *types.Array:
		return gc{}.Alignof(u.Elem())
	case *types.Struct:
		widest := int64(1)
		for i := 0; i < u.NumFields(); i++ {
			if a := (gc{}).Alignof(u.Field(i).Type()); a > widest {
				widest = a
			}
		}
		return widest
	case *types.Basic:
		if u.Info()&types.IsComplex != 0 {
			return gc{}.Sizeof(t) / 2
		}
		if u.Kind() != types.String {
			return gc{}.Sizeof(t)
		}
	}
	return 8
}

func (gc) Offsetsof(fields []*types.Var) []int64 {
	offsets := make([]int64, len(fields))
	end := int64(0)
	for i, f := range fields {
		offsets[i] = round(end, gc{}.Alignof(f.Type()))
		end = offsets[i] + gc{}.Sizeof(f.Type())
	}
	return offsets
}

func (gc) Sizeof(t types.Type) int64 {
	switch u := t.Underlying().(type) {
	case *types.Array:
		return u.Len() * gc{}.Sizeof(u.Elem())
	case *types.Struct:
		fields := members(u)
		if len(fields) == 0 {
			return 0
		}
		last := len(fields) - 1
		size := gc{}.Sizeof(fields[last].Type())
		end := gc{}.Offsetsof(fields)[last] + size
		if size == 0 && end > 0 {
			end++ // a pointer to the last field must not point behind the struct
		}
		return round(end, gc{}.Alignof(t))
	default:
		return (&types.StdSizes{WordSize: 8, MaxAlign: 8}).Sizeof(t)
	}
}

func members(s *types.Struct) []*types.Var {
	fields := make([]*types.Var, s.NumFields())
	for i := range fields {
		fields[i] = s.Field(i)
	}
	return fields
}

func round(n, to int64) int64 { return (n + to - 1) / to * to }
