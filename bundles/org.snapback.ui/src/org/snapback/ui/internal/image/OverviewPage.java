// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.internal.image;

import java.io.IOException;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.time.format.FormatStyle;
import java.util.stream.Collectors;
import org.eclipse.core.runtime.ICoreRunnable;
import org.eclipse.core.runtime.IStatus;
import org.eclipse.core.runtime.Status;
import org.eclipse.core.runtime.jobs.Job;
import org.eclipse.jface.dialogs.MessageDialog;
import org.eclipse.jface.layout.GridDataFactory;
import org.eclipse.jface.layout.GridLayoutFactory;
import org.eclipse.jface.resource.JFaceResources;
import org.eclipse.swt.SWT;
import org.eclipse.swt.custom.ScrolledComposite;
import org.eclipse.swt.layout.FillLayout;
import org.eclipse.swt.layout.GridData;
import org.eclipse.swt.widgets.Button;
import org.eclipse.swt.widgets.Composite;
import org.eclipse.swt.widgets.Label;
import org.eclipse.swt.widgets.Text;
import org.eclipse.ui.statushandlers.StatusManager;
import org.snapback.core.Failure;
import org.snapback.core.image.ImageFacts;
import org.snapback.core.image.ImageFile;
import org.snapback.core.image.ImageMemory;
import org.snapback.ui.internal.Images;
import org.snapback.ui.internal.Messages;
import org.snapback.ui.internal.commands.SavedSnapshots;
import org.snapback.ui.internal.view.SnapshotText;

/** What an image is, in a column of facts, with what can be done with it above. */
final class OverviewPage {

    private static final DateTimeFormatter TIME = DateTimeFormatter.ofLocalizedDateTime(FormatStyle.MEDIUM);

    private final ImageFile image;
    private final Composite body;

    OverviewPage(Composite page, ImageFile image) {
        this.image = image;
        page.setLayout(new FillLayout());
        ScrolledComposite scrolled = new ScrolledComposite(page, SWT.V_SCROLL);
        body = new Composite(scrolled, SWT.NONE);
        GridLayoutFactory.fillDefaults().numColumns(2).margins(10, 10).spacing(12, 6).applyTo(body);
        createHeading();
        createFacts();
        scrolled.setContent(body);
        scrolled.setExpandHorizontal(true);
        scrolled.setExpandVertical(true);
        scrolled.addListener(
                SWT.Resize,
                event -> scrolled.setMinSize(body.computeSize(scrolled.getClientArea().width, SWT.DEFAULT)));
    }

    private void createHeading() {
        Label title = new Label(body, SWT.NONE);
        title.setText(image.facts().label().replace("&", "&&"));
        title.setFont(JFaceResources.getHeaderFont());
        GridDataFactory.fillDefaults().span(2, 1).applyTo(title);
        Composite buttons = new Composite(body, SWT.NONE);
        GridLayoutFactory.fillDefaults().numColumns(2).applyTo(buttons);
        GridDataFactory.fillDefaults().span(2, 1).applyTo(buttons);
        Button restart = new Button(buttons, SWT.PUSH);
        restart.setText(Messages.actionRestart);
        restart.setImage(Images.RESTART.image());
        restart.addListener(SWT.Selection, event -> SavedSnapshots.restart(image.file()));
        Button verify = new Button(buttons, SWT.PUSH);
        verify.setText(Messages.imageVerify);
        verify.addListener(SWT.Selection, event -> verify());
    }

    private void createFacts() {
        ImageFacts facts = image.facts();
        ImageMemory memory = image.memory();
        fact(Messages.factTaken, TIME.format(facts.taken().atZone(ZoneId.systemDefault())));
        fact(Messages.factPlace, SnapshotText.place(facts.place()));
        fact(Messages.factCommand, String.join(" ", facts.command()));
        fact(Messages.factDirectory, facts.program().workingDirectory());
        fact(Messages.factSession, Messages.bind(Messages.factSessionText, facts.session(), facts.snapshot()));
        fact(
                Messages.factProcesses,
                Messages.bind(Messages.factProcessesText, facts.processes().size(), facts.threads()));
        fact(
                Messages.factMemory,
                Messages.bind(
                        Messages.factMemoryText,
                        new Object[] {
                            SnapshotText.memory(memory.total()),
                            SnapshotText.memory(memory.stored()),
                            SnapshotText.memory(memory.referred()),
                            SnapshotText.memory(memory.zero())
                        }));
        fact(
                Messages.factFile,
                Messages.bind(Messages.factFileText, image.file(), SnapshotText.memory(image.bytes())));
        fact(Messages.factAncestors, ancestors(facts));
        fact(
                Messages.factMachine,
                String.join(
                        ", ",
                        facts.machine().architecture(),
                        facts.machine().kernel(),
                        facts.machine().host()));
        fact(Messages.factWriter, facts.writer());
        fact(Messages.factId, image.id());
    }

    private static String ancestors(ImageFacts facts) {
        return facts.ancestors().isEmpty()
                ? Messages.factAlone
                : facts.ancestors().stream()
                        .map(ImageFacts.Ancestor::path)
                        .collect(Collectors.joining(System.lineSeparator()));
    }

    private void fact(String name, String value) {
        Label label = new Label(body, SWT.NONE);
        label.setText(name);
        GridDataFactory.swtDefaults().align(SWT.BEGINNING, SWT.BEGINNING).applyTo(label);
        Text text = new Text(body, SWT.READ_ONLY | SWT.WRAP | SWT.MULTI);
        text.setText(value);
        GridDataFactory.fillDefaults().grab(true, false).hint(200, SWT.DEFAULT).applyTo(text);
        ((GridData) text.getLayoutData()).minimumWidth = 1;
    }

    /** Reads all of the file, in the background. */
    private void verify() {
        ICoreRunnable verify = monitor -> {
            try {
                image.verify(monitor);
                tell(Messages.bind(Messages.imageWhole, image.file()));
            } catch (IOException e) {
                IStatus damaged = new Status(IStatus.ERROR, "org.snapback.ui", Failure.IMAGE.code(), e.getMessage(), e);
                StatusManager.getManager().handle(damaged, StatusManager.SHOW);
            }
        };
        Job job = Job.create(Messages.bind(Messages.imageVerifying, image.file().getFileName()), verify);
        job.setUser(true);
        job.schedule();
    }

    private void tell(String text) {
        if (!body.isDisposed()) {
            body.getDisplay().asyncExec(() -> {
                if (!body.isDisposed()) {
                    MessageDialog.openInformation(body.getShell(), Messages.imageVerifyTitle, text);
                }
            });
        }
    }
}
