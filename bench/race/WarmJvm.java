import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.ByteArrayInputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.xml.parsers.SAXParserFactory;
import javax.xml.transform.stream.StreamSource;
import javax.xml.validation.Schema;
import javax.xml.validation.SchemaFactory;
import javax.xml.validation.ValidatorHandler;
import net.sf.saxon.s9api.BuildingContentHandler;
import net.sf.saxon.s9api.DocumentBuilder;
import net.sf.saxon.s9api.Processor;
import net.sf.saxon.s9api.QName;
import net.sf.saxon.s9api.SAXDestination;
import net.sf.saxon.s9api.SaxonApiException;
import net.sf.saxon.s9api.XdmNode;
import net.sf.saxon.s9api.XsltCompiler;
import net.sf.saxon.s9api.XsltExecutable;
import net.sf.saxon.s9api.XsltTransformer;
import org.xml.sax.Attributes;
import org.xml.sax.ContentHandler;
import org.xml.sax.InputSource;
import org.xml.sax.Locator;
import org.xml.sax.SAXException;
import org.xml.sax.SAXParseException;
import org.xml.sax.XMLReader;
import org.xml.sax.helpers.DefaultHandler;

/**
 * The contender "warm JVM": Saxon-HE and Xerces as a careful engineer would use them in a service. Schema and stylesheets
 * are compiled once; one pass of the parser validates and builds the tree; the answer of a sheet is read as events,
 * never written out.
 *
 * <p>Arguments: the schema of each root element ("NAME=FILE"), "--", then the sheets in the order they run ("FILE", or
 * "FILE|CODE LIST|PARAMETER" where the code list is to be given as a parameter). The frames are those of `frames.py`.
 */
public final class WarmJvm {
    private static final char DOCUMENT = '\u001d';
    private static final char HIT = '\u001e';
    private static final char FIELD = '\u001f';
    private static final Pattern HEAD_ID = Pattern.compile("\\[([^\\[\\]\\s]+)\\]");

    private record Sheet(XsltExecutable executable, XdmNode codeList, QName parameter) {}

    private record Root(String name, Schema schema) {}

    private final Processor saxon = new Processor(false);
    private final SAXParserFactory parsers;
    private final List<Root> roots = new ArrayList<>();
    private final List<Sheet> sheets = new ArrayList<>();
    private final List<byte[]> documents = new ArrayList<>();
    private final List<String> verdicts = new ArrayList<>();

    private WarmJvm(String[] arguments) throws Exception {
        parsers = SAXParserFactory.newInstance("org.apache.xerces.jaxp.SAXParserFactoryImpl", null);
        parsers.setNamespaceAware(true);
        parsers.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
        SchemaFactory schemas = SchemaFactory.newInstance(
                "http://www.w3.org/2001/XMLSchema", "org.apache.xerces.jaxp.validation.XMLSchemaFactory", null);
        XsltCompiler compiler = saxon.newXsltCompiler();
        boolean isSheet = false;
        for (String argument : arguments) {
            if (argument.equals("--")) {
                isSheet = true;
            } else if (isSheet) {
                String[] parts = argument.split("\\|");
                XsltExecutable executable = compiler.compile(new StreamSource(new File(parts[0])));
                boolean isTuned = parts.length > 1;
                sheets.add(new Sheet(
                        executable,
                        isTuned ? saxon.newDocumentBuilder().build(new File(parts[1])) : null,
                        isTuned ? new QName(parts[2]) : null));
            } else {
                String[] parts = argument.split("=", 2);
                roots.add(new Root(parts[0], schemas.newSchema(new File(parts[1]))));
            }
        }
    }

    public static void main(String[] arguments) throws Exception {
        // what the libraries print must not meet the frames
        DataOutputStream answers = new DataOutputStream(new BufferedOutputStream(System.out));
        System.setOut(new PrintStream(System.err));
        new WarmJvm(arguments).serve(new DataInputStream(new BufferedInputStream(System.in)), answers);
    }

    private void serve(DataInputStream frames, DataOutputStream answers) throws IOException {
        answer(answers, "net.sf.saxon " + net.sf.saxon.Version.getProductVersion() + ", "
                + org.apache.xerces.impl.Version.getVersion() + ", Java " + System.getProperty("java.version"));
        for (int what = frames.read(); what >= 0; what = frames.read()) {
            byte[] body = new byte[frames.readInt()];
            frames.readFully(body);
            if (what == 'D') {
                documents.add(body);
                verdicts.add("");
                answer(answers, "");
            } else if (what == 'P') {
                ByteBuffer order = ByteBuffer.wrap(body);
                while (order.hasRemaining()) {
                    int rank = order.getInt();
                    verdicts.set(rank, judge(documents.get(rank)));
                }
                answer(answers, "");
            } else {
                answer(answers, String.join(String.valueOf(DOCUMENT), verdicts));
            }
        }
    }

    private static void answer(DataOutputStream answers, String text) throws IOException {
        byte[] body = text.getBytes(StandardCharsets.UTF_8);
        answers.writeInt(body.length);
        answers.write(body);
        answers.flush();
    }

    /** "ok" and the hits, or "refused" by the schema or the parser, or "stopped" by a value that a sheet cannot take. */
    private String judge(byte[] document) {
        XdmNode tree;
        try {
            tree = read(document);
        } catch (SAXException | IOException refused) {
            return "refused";
        } catch (Exception broken) {
            throw new IllegalStateException(broken);
        }
        Hits hits = new Hits();
        try {
            for (Sheet sheet : sheets) {
                XsltTransformer transformer = sheet.executable().load();
                if (sheet.codeList() != null) {
                    transformer.setParameter(sheet.parameter(), sheet.codeList());
                }
                transformer.setInitialContextNode(tree);
                transformer.setDestination(new SAXDestination(hits));
                transformer.transform();
            }
        } catch (SaxonApiException stopped) {
            return "stopped";
        }
        return hits.verdict.toString();
    }

    /**
     * One pass: the parser feeds the validator of the root element and the builder of the tree, side by side. A tree built
     * behind the validator would hold what the schema adds, default attributes, and the sheets would find them.
     */
    private XdmNode read(byte[] document) throws Exception {
        XMLReader reader = parsers.newSAXParser().getXMLReader();
        DocumentBuilder builder = saxon.newDocumentBuilder();
        BuildingContentHandler tree = builder.newBuildingContentHandler();
        ValidatorHandler validator = schemaOf(document).newValidatorHandler();
        validator.setErrorHandler(new Strict());
        reader.setErrorHandler(new Strict());
        reader.setContentHandler(new Both(validator, tree));
        reader.parse(new InputSource(new ByteArrayInputStream(document)));
        return tree.getDocumentNode();
    }

    /** By the first root name that the head of the document holds: UBL has two, and the parse must know before it starts. */
    private Schema schemaOf(byte[] document) throws SAXException {
        if (roots.size() == 1) {
            return roots.get(0).schema();
        }
        String head = new String(document, 0, Math.min(document.length, 2_000), StandardCharsets.ISO_8859_1);
        for (Root root : roots) {
            if (head.contains(root.name())) {
                return root.schema();
            }
        }
        throw new SAXException("no schema for this root element");
    }

    private static final class Strict extends DefaultHandler {
        @Override
        public void error(SAXParseException refused) throws SAXException {
            throw refused;
        }
    }

    /** Hands every event to two. */
    private record Both(ContentHandler one, ContentHandler other) implements ContentHandler {
        @Override
        public void setDocumentLocator(Locator locator) {
            one.setDocumentLocator(locator);
            other.setDocumentLocator(locator);
        }

        @Override
        public void startDocument() throws SAXException {
            one.startDocument();
            other.startDocument();
        }

        @Override
        public void endDocument() throws SAXException {
            one.endDocument();
            other.endDocument();
        }

        @Override
        public void startPrefixMapping(String prefix, String uri) throws SAXException {
            one.startPrefixMapping(prefix, uri);
            other.startPrefixMapping(prefix, uri);
        }

        @Override
        public void endPrefixMapping(String prefix) throws SAXException {
            one.endPrefixMapping(prefix);
            other.endPrefixMapping(prefix);
        }

        @Override
        public void startElement(String uri, String local, String name, Attributes attributes) throws SAXException {
            other.startElement(uri, local, name, attributes); // first: the validator may add to the attributes
            one.startElement(uri, local, name, attributes);
        }

        @Override
        public void endElement(String uri, String local, String name) throws SAXException {
            one.endElement(uri, local, name);
            other.endElement(uri, local, name);
        }

        @Override
        public void characters(char[] characters, int start, int length) throws SAXException {
            one.characters(characters, start, length);
            other.characters(characters, start, length);
        }

        @Override
        public void ignorableWhitespace(char[] characters, int start, int length) throws SAXException {
            one.ignorableWhitespace(characters, start, length);
            other.ignorableWhitespace(characters, start, length);
        }

        @Override
        public void processingInstruction(String target, String content) throws SAXException {
            one.processingInstruction(target, content);
            other.processingInstruction(target, content);
        }

        @Override
        public void skippedEntity(String name) throws SAXException {
            one.skippedEntity(name);
            other.skippedEntity(name);
        }
    }

    /** Reads the answer of a sheet (SVRL) as it comes: id at the head of the text, else the attribute. */
    private static final class Hits extends DefaultHandler {
        private final StringBuilder verdict = new StringBuilder("ok");
        private final StringBuilder text = new StringBuilder();
        private String id;
        private String flag;
        private String location;
        private boolean isInHit;
        private boolean isInText;

        @Override
        public void startElement(String uri, String local, String name, Attributes attributes) {
            if (local.equals("failed-assert") || local.equals("successful-report")) {
                isInHit = true;
                id = told(attributes, "id");
                flag = told(attributes, "flag");
                location = told(attributes, "location");
                text.setLength(0);
            } else if (isInHit && local.equals("text")) {
                isInText = true;
            }
        }

        @Override
        public void characters(char[] characters, int start, int length) {
            if (isInText) {
                text.append(characters, start, length);
            }
        }

        @Override
        public void endElement(String uri, String local, String name) {
            if (local.equals("text")) {
                isInText = false;
            } else if (isInHit && (local.equals("failed-assert") || local.equals("successful-report"))) {
                isInHit = false;
                Matcher head = HEAD_ID.matcher(text.toString().strip());
                verdict.append(HIT).append(head.lookingAt() ? head.group(1) : id);
                verdict.append(FIELD).append(flag).append(FIELD).append(location);
            }
        }

        private static String told(Attributes attributes, String name) {
            String value = attributes.getValue(name);
            return value == null ? "" : value;
        }
    }
}
